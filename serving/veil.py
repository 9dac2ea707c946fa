"""The veil: what the service tells as everybody may see it, without measures of persons.

Whatever a scenario does not declare open is withheld, so a name of an earlier declaration is too.
In the place of a reason stands that there is one, with its part in the score and nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from features.contracts.vectors import FeatureInfo
from features.contracts.verdicts import (
    WITHHELD,
    AnomalyRecord,
    Counterfactual,
    Reason,
    Story,
    Verdict,
)
from features.spec import Scenario
from models.explain import family_of

NAME_ZH: Final = "涉及个人的指标"
NAME_EN: Final = "measure of persons"
_DIFFERS_ZH: Final = "有一项涉及个人的指标与同类不同，此处不显示其内容。"
_DIFFERS_EN: Final = "A measure of persons differs from its peers; it is not shown here."
_BELOW_ZH: Final = "其他指标不变，若一项涉及个人的指标不同，该事项不高于核查线；此处不显示其内容。"
_BELOW_EN: Final = (
    "If one measure of persons were different, all else equal, the event would not be above the "
    "review line; it is not shown here."
)


@dataclass(frozen=True, slots=True)
class Openness:
    """What of a scenario everybody may see: features, patterns, and whether that is everything."""

    features: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    is_whole: bool = False

    @classmethod
    def of(cls, scenario: Scenario) -> Self:
        """What the scenario declares open: a pattern is if all its parts are.

        >>> from features.scenarios.payouts import SCENARIO
        >>> opened = Openness.of(SCENARIO)
        >>> "officer_share_365d_by_enterprise" in opened.features, opened.is_whole
        (False, False)
        """
        features = frozenset(item.name for item in scenario.features if not item.sensitive)
        patterns = frozenset(
            item.name for item in scenario.patterns if features.issuperset(dict(item.parts))
        )
        return cls(features, patterns, is_whole=len(features) == len(scenario.features))


_NOTHING: Final = Openness()


@dataclass(frozen=True, slots=True)
class Veil:
    """Withholds measures of persons; of a scenario that is not among `scenarios`, every measure."""

    scenarios: Mapping[str, Openness]

    def record(self, record: AnomalyRecord) -> AnomalyRecord:
        """The record with the cells that are open, and the number of those that are not."""
        scenario = record.verdict.scenario
        vector = tuple(cell for cell in record.vector if self.is_open(scenario, cell.feature))
        return record.model_copy(
            update={
                "verdict": self.verdict(record.verdict),
                "vector": vector,
                "withheld": len(record.vector) - len(vector),
            }
        )

    def withheld(self, record: AnomalyRecord) -> tuple[str, ...]:
        """The names of the record's measures that not everybody may see."""
        scenario = record.verdict.scenario
        told = [cell.feature for cell in record.vector]
        told += [reason.feature for reason in record.verdict.reasons]
        return tuple(name for name in dict.fromkeys(told) if not self.is_open(scenario, name))

    def body(self, scenario: str, verdict: str) -> str:
        """A verdict as JSON; the very text where everything is open."""
        if self._of(scenario).is_whole:
            return verdict
        return self.verdict(Verdict.model_validate_json(verdict)).model_dump_json()

    def verdict(self, verdict: Verdict) -> Verdict:
        """The verdict with its reasons and its story as far as they are open.

        The digest of a vector of which all but a few numbers are shown would tell those few to
        whoever tries them all, so it is empty where something is withheld.
        """
        opened = self._of(verdict.scenario)
        if opened.is_whole:
            return verdict
        reasons = tuple(self.reason(verdict.scenario, reason) for reason in verdict.reasons)
        provenance = verdict.provenance.model_copy(update={"vector_digest": ""})
        story = verdict.story
        if story is not None and story.name not in opened.patterns:
            story = Story(name=WITHHELD, title_zh=NAME_ZH, title_en=NAME_EN)
        return verdict.model_copy(
            update={"reasons": reasons, "provenance": provenance, "story": story}
        )

    def reason(self, scenario: str, reason: Reason) -> Reason:
        """The reason, or that there is one."""
        if self.is_open(scenario, reason.feature):
            return reason
        return Reason(
            feature=WITHHELD,
            name_zh=NAME_ZH,
            name_en=NAME_EN,
            unit="",
            actual=None,
            typical=None,
            lo=None,
            hi=None,
            direction="none",
            status=reason.status,
            contribution=reason.contribution,
            share=reason.share,
            peers=None,
            window_days=None,
            statement_zh=_DIFFERS_ZH,
            statement_en=_DIFFERS_EN,
        )

    def way(self, scenario: str, way: Counterfactual | None) -> Counterfactual | None:
        """What would make an event ordinary, or that a measure which is not shown would."""
        if way is None or self.is_open(scenario, way.feature):
            return way
        return Counterfactual(
            feature=WITHHELD,
            name_zh=NAME_ZH,
            name_en=NAME_EN,
            unit="",
            actual=None,
            value=None,
            statement_zh=_BELOW_ZH,
            statement_en=_BELOW_EN,
        )

    def family(self, scenario: str) -> Callable[[FeatureInfo], str]:
        """The family that a feature is shown in: those not shown are one of their own."""

        def shown(info: FeatureInfo) -> str:
            return family_of(info) if self.is_open(scenario, info.name) else WITHHELD

        return shown

    def is_open(self, scenario: str, feature: str) -> bool:
        """Whether everybody may see the feature."""
        return feature in self._of(scenario).features

    def _of(self, scenario: str) -> Openness:
        return self.scenarios.get(scenario, _NOTHING)
