"""Contacts that a firm states: a phone, an address, the device that it files from."""

from typing import Final

import numpy as np

from training.simulation.columns import Columns, draw, height, zipf
from training.simulation.config import DistrictSize
from training.simulation.days import Integers

CONTACTS: Final = ("phone", "address", "device")
_PARK, _DESK, _RING, _GROUP = (k * 10**7 for k in (5, 6, 7, 8))
"""Where the numbers of parks, agents' desks, rings and groups begin; a firm's own are below."""


def contacts(rng: np.random.Generator, size: DistrictSize, firms: Columns) -> Columns:
    """What ordinary firms state: a phone of their own, and mostly an address and a device.

    A business park is the address of many; some who file through an agent use its device.
    """
    n = height(firms)
    own, at_park = np.arange(n, dtype=np.int64), rng.random(n) < size.park_share
    at_desk = (firms["agent"] >= 0) & (rng.random(n) < size.agent_device_share)
    return {
        "phone": own,
        "address": np.where(at_park, _PARK + draw(rng, zipf(size.parks, 0.5), n), own),
        "device": np.where(at_desk, _DESK + firms["agent"], own),
    }


def of_ring(case: int) -> int:
    """The number of what the firms of a ring have in common."""
    return _RING + case


def of_group(case: int) -> int:
    """The number of the address that the firms of a group have in common."""
    return _GROUP + case


def stated(firms: Columns, firm: Integers) -> Columns:
    """The contacts that some firms state."""
    return {name: firms[name][firm] for name in CONTACTS}
