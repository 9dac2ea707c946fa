"""Re-draws: whether cases are withdrawn and filed again until a certain agency comes."""

from typing import Final

from models.rotation.answer import Answer, found, insufficient, too_few
from models.rotation.tails import binomial, upper_mid_p

LEAST: Final = 1


def redraw(n_draws: int, n_changed: int, rate: float) -> Answer:
    """Draws thrown away on the way to an agency, against how often draws are thrown away.

    `n_draws` counts the draws that ended at the agency and those withdrawn before them, `n_changed`
    the withdrawn ones after which another agency was drawn; `rate` is their share among all other
    draws. Binomial, upper mid-p; the statistic is the number.

    >>> redraw(4, 3, 0.02).p
    1.58...e-05
    """
    if n_draws < LEAST:
        return too_few(n_draws, LEAST)
    if not 0.0 < rate < 1.0:
        zh, en = "没有其他撤回可比", "no other withdrawals to compare with"
        return insufficient(n_draws, zh=zh, en=en)
    return found(
        float(n_changed),
        upper_mid_p(binomial(n_draws, rate), n_changed),
        n_draws,
        zh=f"到该单位为止共抽取{n_draws}次,其中{n_changed}次撤回后换了单位(通常占{rate:.1%})",
        en=f"{n_changed} of {n_draws} draws on the way to the agency were withdrawn and another "
        f"agency followed ({rate:.1%} is usual)",
    )
