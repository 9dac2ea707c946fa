"""The mapping of a guessed scenario, as TOML with a comment on each guess."""

import json
from collections.abc import Iterator
from typing import Final

from features.draft.options import Options
from features.draft.roles import Guess, Roles

_HEAD: Final = """\
# How rows of the table become events of {name}. Every guess says why; correct what is wrong.
name = "{name}"
scenario = "{name}"
format = "{format}"
kind = "{name}_recorded"
# {id_why}
event_id = {id}
currency = "{currency}"
# of stamps without an offset
timezone = "{timezone}"
date_only = {date_only}
# the working days of China; for another country write a table [calendar] with name, tz, weekend
# and holidays at the end of this file instead
calendar = "prc"
{reading}
# {time_why}
[effective_at]
columns = {time}
formats = {formats}
"""


def mapping_text(roles: Roles, options: Options) -> str:
    """The mapping file; it holds headers of the table and counts, no value."""
    time = roles.one("time")
    head = _HEAD.format(
        name=options.name,
        format=options.format,
        id_why=roles.one("id").why,
        id=_quoted("{" + roles.one("id").column.header + "}"),
        currency=options.currency,
        timezone=options.timezone,
        date_only="false" if time.column.has_clock else "true",
        reading=_reading(options),
        time_why=time.why,
        time=_list(time.column.header),
        formats=_list(*options.formats(time.column)),
    )
    fields = roles.of("amount", "key", "category", "number", "instant")
    tables = [_field(one, options) for one in fields]
    return "\n".join([head, *tables, *_ignored(roles)])


def _reading(options: Options) -> str:
    if options.format != "csv":
        return ""
    return f"encodings = {_list(*options.encodings)}\ndelimiter = {_quoted(options.delimiter)}\n"


def _field(one: Guess, options: Options) -> str:
    lines = [f"# {one.why}", f"[fields.{one.name}]", f"columns = {_list(one.column.header)}"]
    if one.role in ("amount", "number") and one.column.has_thousands:
        lines.append('thousands = ","')
    if one.role == "instant":
        lines.append(f"formats = {_list(*options.formats(one.column))}")
    return "\n".join([*lines, ""])


def _ignored(roles: Roles) -> Iterator[str]:
    for one in roles.of("ignored"):
        lines = ["[[ignored]]", f"columns = {_list(one.column.header)}"]
        lines.append(f"reason = {_quoted(one.why)}")
        if one.personal:
            lines.append("personal = true")
        yield "\n".join([*lines, ""])


def _list(*texts: str) -> str:
    return "[" + ", ".join(_quoted(text) for text in texts) + "]"


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False)
