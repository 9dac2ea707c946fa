"""Cases of event logs: what `lianjing evaluate --events` does, `inject-log`, `bench sequences`."""

import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from features.contracts.errors import InputError
from serving.cli import show
from serving.cli.options import Json

if TYPE_CHECKING:
    from features.sources.mapping import Mapping
    from training.sequences.evaluate import LogEvaluation
    from training.sequences.inject import Injected

MappingOption = Annotated[
    str, typer.Option(help="a mapping's name or a TOML file; without it the one that fits best")
]
Labelled = Annotated[int, typer.Option(help="let the labels of so many reviewed cases teach")]
Families = Annotated[str, typer.Option(help="families of features, separated by commas")]
Share = Annotated[float, typer.Option(help="share of the cases that are distorted")]
_LOGS: Final = ("receipt", "BPIC15_1", "BPIC15_2")
_MARKS: Final = {"0": False, "1": True}
_COLUMNS: Final = 2
_MEASURES: Final = {
    "AUC": "auc",
    "AP": "average_precision",
    "best F1": "best_f1",
    "share": "best_f1_share",
    "at 1 %": "recall_1",
    "at 5 %": "recall_5",
    "at 10 %": "recall_10",
}


@dataclass(frozen=True)
class LogOptions:
    """How a log is read and which features it is judged by; empty texts for what fits best."""

    mapping: str = ""
    labelled: int = 0
    families: str = ""
    seed: int = 0


def evaluate_cases(
    scenario: str, events: Path, labels: Path, asked: LogOptions, *, json: bool
) -> None:
    """Train on a log without labels and say how well its cases labelled 1 are found."""
    from features.scenarios import catalog
    from training.sequences.evaluate import evaluate_log

    found = evaluate_log(
        [events],
        read_case_labels(labels),
        mapping=_mapping(asked.mapping, events, scenario),
        scenario=catalog.load(scenario),
        families=_families(asked.families),
        n_labelled=asked.labelled,
        seed=asked.seed,
    )
    if json:
        show.document(found.model_dump(mode="json"))
        return
    show.table(
        f"{events.name}: {found.found.n_marked} of {found.found.n_cases} labelled cases are 1, "
        f"{found.n_events} events, {len(found.features)} features of {', '.join(found.families)}",
        ["model", *(f"{name}#" for name in _MEASURES)],
        _lines(found),
    )


def inject_log(
    log: Annotated[Path, typer.Argument(help="an event log, .xes or .xes.gz")],
    out: Annotated[Path, typer.Option(help="the distorted log, .xes or .xes.gz")],
    labels: Annotated[Path, typer.Option(help="a CSV file of cases: id, 0 or 1, type")],
    seed: int = 1,
    share: Share = 0.1,
) -> None:
    """Distort a share of a log's cases: steps skipped, inserted, repeated, early, late, by others.

    The types, sizes and distances are those of Nolle et al., doi:10.1016/j.is.2019.101458.
    """
    from features.frames import replace_file
    from features.sources.read_xes import read_xes
    from training.sequences.inject import CASE, inject
    from training.sequences.write_xes import write_xes

    done = inject(list(read_xes(log)), seed=seed, share=share)
    cases = dict.fromkeys(row.cells[CASE] for row in done.rows)
    lines = [f"{case},{int(case in done.types)},{done.types.get(case, '')}" for case in cases]
    write_xes(done.rows, out)
    text = "\n".join(["case,label,type", *lines, ""])
    replace_file(labels, lambda part: part.write_text(text, encoding="utf-8"))
    show.out.print(f"{out}: {len(done.types)} of {done.n_cases} cases distorted ({_shares(done)})")


def sequences(
    data: Annotated[Path, typer.Option(help="a folder of event logs")],
    logs: Annotated[str, typer.Option(help="their names, separated by commas")] = ",".join(_LOGS),
    seeds: Annotated[str, typer.Option(help="seeds, separated by commas")] = "1,2,3,4,5",
    labelled: Labelled = 20,
    families: Families = "",
    share: Share = 0.1,
    json: Json = False,
) -> None:
    """Distort cases of real logs and say how well they are found, without and with labels."""
    from training.sequences.bench import bench

    numbers = _whole_numbers(seeds)
    found = []
    with show.progress("sequences") as tick, tempfile.TemporaryDirectory() as folder:
        for name in logs.split(","):
            path = _log_of(data, name)
            found.append(
                bench(
                    path,
                    numbers,
                    mapping=_mapping("", path, "approvals"),
                    families=_families(families),
                    share=share,
                    n_labelled=labelled,
                    folder=Path(folder),
                    progress=tick,
                )
            )
    if json:
        show.document({"runs": [run.model_dump(mode="json") for run in found]})
        return
    for run in found:
        told = ", ".join(f"{name} {part:.1%}" for name, part in run.shares.items())
        show.table(
            f"{run.log}, mean of seeds {seeds}: {told} of {run.n_cases} cases",
            ["model", *(f"{name}#" for name in _MEASURES)],
            [
                (name, *(f"{means[key]:.3f}" for key in _MEASURES.values()))
                for name, means in run.means.items()
            ],
        )


def read_case_labels(path: Path) -> dict[str, bool]:
    """Labels of cases from a CSV file of two or more columns: case id, 0 or 1.

    Raises
    ------
    InputError
        A line has no 0 or 1 in its second column, or a case stands there twice.
    """
    found: dict[str, bool] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, cells in enumerate(csv.reader(file), 1):
            mark = cells[1].strip() if len(cells) >= _COLUMNS else ""
            if mark not in _MARKS and number == 1:
                continue
            case = cells[0].strip() if cells else ""
            if mark not in _MARKS or not case or case in found:
                raise InputError(
                    f"{path.name}, line {number}: write a case id, once, and 0 or 1 behind it"
                )
            found[case] = _MARKS[mark]
    return found


def _mapping(name: str, events: Path, scenario: str) -> "Mapping":
    from features.sources.fitting import fitting
    from features.sources.mapping import Mapping

    return Mapping.load(name) if name else fitting(events, scenario)


def _families(text: str) -> tuple[str, ...]:
    from training.sequences.evaluate import FAMILIES

    return tuple(name.strip() for name in text.split(",")) if text else FAMILIES


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"seeds {text!r} must be whole numbers, such as 1,2,3") from error


def _log_of(data: Path, name: str) -> Path:
    for ending in (".xes.gz", ".xes"):
        if (data / f"{name}{ending}").is_file():
            return data / f"{name}{ending}"
    raise InputError(f"{data}: holds no {name}.xes.gz; name the folder with --data")


def _lines(found: "LogEvaluation") -> list[tuple[str, ...]]:
    """A line a model."""
    ranked = {
        "no labels": found.found,
        "no labels, the others": found.rest,
        f"{found.n_labelled} labels, {found.n_confirmed} of them 1, the others": found.taught,
    }
    return [
        (name, *(f"{getattr(part, key):.3f}" for key in _MEASURES.values()))
        for name, part in ranked.items()
        if part is not None
    ]


def _shares(done: "Injected") -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in done.shares.items())
