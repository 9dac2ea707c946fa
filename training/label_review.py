"""What was found about the labels that a model learned from: what the gate reads of them."""

from pydantic import BaseModel, ConfigDict

from training.poison import ReviewerCheck


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Influence(_Frozen):
    """How far the head of the queue moves when one reviewer's labels are left out.

    `expected` and `bound` are the mean and the upper end of what leaving out as many labels, chosen
    by chance from all reviewers, does.
    """

    reviewer: str
    n_labels: int
    n_top: int
    n_changed: int
    expected: float
    bound: float

    @property
    def is_beyond(self) -> bool:
        """Whether this reviewer alone moves it further than chance explains."""
        return self.n_changed > self.bound

    def told(self) -> str:
        """The influence as a sentence."""
        return (
            f"labels of reviewer {self.reviewer} alone move {self.n_changed} of the first "
            f"{self.n_top} events; as many labels of anybody move {self.expected:.1f}, "
            f"{self.bound:.1f} at most: have them reviewed again, or train without them"
        )


class LabelReview(_Frozen):
    """The labels of one training: how many, by whom, and whether somebody stands out."""

    n_labels: int
    n_events: int
    n_confirmed: int
    n_double: int
    """Events that several reviewers saw."""
    n_unknown: int
    """Labels of events that the table does not hold, or holds only from `until` on."""
    reviewers: tuple[ReviewerCheck, ...]
    influences: tuple[Influence, ...]
    n_later: int
    """Labels decided from `until` on: the model does not know of them."""
    p_confirmed: str
    """How P(confirmed) stands: on how many reviews it rests, or why there is none."""
    followed: str = ""
    """How far the model follows the labels; nothing in reports from before it was chosen."""

    def lines(self) -> list[str]:
        """What there is to say, a sentence a line; reviewers who stand out are named last."""
        counted = (
            f"labels: {self.n_labels} on {self.n_events} events, {self.n_confirmed} confirmed, "
            f"{self.n_double} reviewed by several; {self.n_later} decided too late and "
            f"{self.n_unknown} of unknown events left out"
        )
        said = [counted, f"P(confirmed): {self.p_confirmed}"]
        said += [f"followed: {self.followed}"] if self.followed else []
        said += [check.told() for check in self.reviewers if check.is_alarm]
        return said + [one.told() for one in self.influences if one.is_beyond]
