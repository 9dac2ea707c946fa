"""Sketches: 62 keyed bits that stand for a text, so that near-duplicates are found without it.

A sketch holds one bit of each of 62 minwise hashes of the text's character trigrams (Li & Koenig
2010, doi:10.1145/1772690.1772759): two texts whose trigrams have Jaccard similarity J agree in a
share (1 + J) / 2 of the bits on average. The hashes are keyed, so nobody without the key can try
texts against a sketch; sketches that were taken with another key cannot be compared.
"""

import hashlib
import hmac
import re
import unicodedata
from typing import Final

import numpy as np

from features.contracts.settings import Settings
from features.sources.pseudonym import check_key
from features.sources.values import CellError

BITS: Final = 62
LONGEST: Final = 4096
"""Characters that a text may have."""
_GRAM: Final = 3
_PURPOSE: Final = b"sketch"
"""Keeps the hashes apart from what else the key is used for."""
_NOT_WORD: Final = re.compile(r"[\W_]+")
_NUMBER: Final = r"(?:[0-9]+|[一二三四五六七八九十百零〇两甲乙丙丁]+|[a-h]|[ivx]+)"
_UNIT: Final = r"(?:期|标段|标包|包件|批次|批|分包|阶段|标(?![准志识牌线杆本注]))"
_LOTS: Final = re.compile(
    rf"编号[\s:#.-]*[0-9a-z][0-9a-z-]*"
    rf"|第?\s*{_NUMBER}\s*{_UNIT}"
    rf"|(?:标段|标包|包件|批次)\s*{_NUMBER}"
    rf"|\b(?:lot|phase|stage|section)\s*(?:no\.?|#)?\s*{_NUMBER}\b"
)
_PLACES: Final = re.compile(
    r"(?:(?<=^)|(?<=年)|(?<=年度)|(?<=[\s,(:;、\-]))(?:[一-鿿]{1,4}(?:镇|乡|街道))?"
    r"[一-鿿]{1,3}(?:(?<![农乡新城])村|社区)(?:委会?|居委会)?"
)
"""A village or community, perhaps with its town, where a name or a part of it begins."""


def sketch(
    text: str, settings: Settings, *, strips_lots: bool = False, strips_places: bool = False
) -> int | None:
    """The sketch of a text, None for one without a letter or digit.

    Width, case, blanks and punctuation do not matter. With `strips_lots` neither do the numbers
    of phases, lots and batches (一期, 二标段, 编号 ..., lot 2), by which one purchase may be cut
    into several; with `strips_places` neither do villages that a name begins with.

    >>> settings = Settings(pseudonym_key="only-for-this-example")
    >>> road = sketch("人民路道路改造工程（一期）", settings, strips_lots=True)
    >>> road == sketch("人民路 道路改造工程 二标段", settings, strips_lots=True)
    True
    >>> lane = sketch("柳溪村道路硬化工程", settings, strips_places=True)
    >>> lane == sketch("南阳镇桥头村道路硬化工程", settings, strips_places=True)
    True
    >>> 0 <= road < 2**62, sketch("——", settings)
    (True, None)

    Raises
    ------
    InputError
        There is no key, or the text is too long.
    """
    check_key(settings, _PURPOSE.decode())
    if len(text) > LONGEST:
        raise CellError(f"is longer than {LONGEST} characters")
    plain = normalised(text, strips_lots=strips_lots, strips_places=strips_places)
    if not plain:
        return None
    key = settings.pseudonym_key.get_secret_value().encode()
    grams = {plain[k : k + _GRAM] for k in range(max(1, len(plain) - _GRAM + 1))}
    hashes = np.frombuffer(b"".join(_hashes(key, gram) for gram in grams), dtype="<u8")
    lowest = hashes.reshape(len(grams), BITS).min(axis=0)
    return int((lowest & np.uint64(1)) @ (np.uint64(1) << np.arange(BITS, dtype=np.uint64)))


def normalised(text: str, *, strips_lots: bool = False, strips_places: bool = False) -> str:
    """What of a text counts: its letters and digits, in one width and case.

    Where a text is nothing but the number of a lot or the name of a place, that counts.

    >>> normalised("Ｒｏａｄ Works, Phase II"), normalised("Road works phase 2", strips_lots=True)
    ('roadworksphaseii', 'roadworks')
    >>> normalised("柳溪村道路（二标）", strips_lots=True, strips_places=True)
    '道路'
    >>> normalised("新农村建设", strips_places=True)
    '新农村建设'
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    kept = _PLACES.sub(" ", plain) if strips_places else plain
    without = _NOT_WORD.sub("", _LOTS.sub(" ", kept) if strips_lots else kept)
    return without or _NOT_WORD.sub("", plain)


def _hashes(key: bytes, gram: str) -> bytes:
    """One value of each of the hash functions, eight bytes each."""
    seed = hmac.digest(key, _PURPOSE + b"\0" + gram.encode(), "sha256")
    return hashlib.shake_256(seed).digest(8 * BITS)
