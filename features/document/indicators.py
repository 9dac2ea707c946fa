"""The indicators that scenarios name as sources by a short mark, and what each looks for.

A mark is a letter for the business (P approvals, S payouts, A assignments, C small contracts, R
credit repairs, B conduct of officers) and a number.
"""

import re
from typing import Final

from features.document.words import Both, Language

_MARK: Final = re.compile(r"\b(?:[ABCPRS]\d{2}|KEN)\b")
_KEN: Final = Both(
    "Kenny & Musatova 2010,供应商集中度,doi:10.1596/1813-9450-5243",
    "Kenny & Musatova 2010, concentration of suppliers, doi:10.1596/1813-9450-5243",
)

INDICATORS: Final = {
    "P01": Both("变更频次(ProZorro指标ARI-1-1)", "rate of changes (ProZorro indicator ARI-1-1)"),
    "P02": Both("变更突发(ProZorro指标SAS-3-4)", "burst of changes (ProZorro indicator SAS-3-4)"),
    "P03": Both("批后速变", "change soon after approval"),
    "P04": Both("概算偏离", "estimate against what was decided"),
    "P05": Both("擦边", "values just under a limit"),
    "P06": Both("量减价不减", "quantity falls while the price does not"),
    "P07": Both("变更总由同一人批准", "changes of one contractor approved by one officer"),
    "P08": Both("审批时长残差", "duration of a decision against its like"),
    "P09": Both("未批先建", "built before it was permitted"),
    "P10": Both("批而不建", "approved and not started"),
    "P11": Both("重复备案", "filed twice"),
    "P12": Both("换道再报", "filed again by another route"),
    "P13": Both("倒签与补录", "dated back, or entered late"),
    "P14": Both("超进度付款", "paid ahead of progress"),
    "S01": Both("金额偏离同类", "amount against its like"),
    "S02": Both("顶格领取", "amounts at the cap"),
    "S03": Both("重复享受", "the same benefit twice"),
    "S04": Both("补贴依赖度", "dependence on subsidies"),
    "S05": Both("新设企业", "newly founded enterprise"),
    "S06": Both("产能与补贴不符", "substance too small for the subsidy"),
    "S07": Both("关联申报", "applicants that are joined"),
    "S08": Both("中介集中", "many claims through one agent"),
    "S09": Both("踩线达标", "figures just over a condition"),
    "S10": Both("受罚期间享受", "paid while under a penalty"),
    "S11": Both("迁入、领取、迁出", "moved in, was paid, moved out"),
    "S12": Both("企业注销后再设再领", "dissolved, founded anew, paid again"),
    "S13": Both("全网核查缺失", "network-wide check missing"),
    "S14": Both("突击拨付", "paid in a burst"),
    "A01": Both("轮候跳号", "skipped in the rotation"),
    "A02": Both("配对超额", "pairs more often than by chance"),
    "A03": Both("价值偏置", "larger assignments to one agency"),
    "A04": Both("集中度", "concentration"),
    "A05": Both("卡点报送", "submitted when a favourite is next"),
    "A06": Both("撤回重报换号", "withdrawn and filed again for another draw"),
    "A07": Both("回避去向", "where recusals lead to"),
    "A08": Both("评审宽松度", "leniency of a review"),
    "A09": Both("速审", "speed of a review against its like"),
    "A10": Both("三元组固化", "owner, agency and officer together again and again"),
    "A11": Both("结构关联", "ties between owner and agency"),
    "C01": Both("化整为零", "one need in several contracts"),
    "C02": Both("接近门槛", "values just under a threshold"),
    "C03": Both("门槛处断点", "a jump of the density at a threshold"),
    "C04": Both("时空聚簇", "contracts close in time and place"),
    "C05": Both("名称拆分", "one name in parts"),
    "C06": Both("供应商占比", "a supplier's share"),
    "C07": Both("同场报价", "quotes that go together"),
    "C08": Both("杂货铺供应商", "suppliers of everything"),
    "C09": Both("中标后抬价", "price raised after the award"),
    "R01": Both("信用修复用时", "duration of a credit repair"),
    "R02": Both("公示期未满", "repaired before the notice period ended"),
    "R03": Both("无整改证据", "no evidence that it was put right"),
    "R04": Both("修复后随即受益", "benefit right after a repair"),
    "R05": Both("屡次修复", "repaired again and again"),
    "R06": Both("经办集中", "concentration on one officer or agent"),
    "B01": Both("通过率残差", "rate of approvals against its like"),
    "B02": Both("与申请人的亲和度", "affinity of officer and applicant"),
    "B03": Both("批量秒批", "many decisions in moments"),
    "B04": Both("职责不分离", "duties that are not separated"),
    "B05": Both("越权改判", "decided against the advice, or beyond the post"),
    "B06": Both("非常时点", "unusual times"),
    "KEN": _KEN,
}


def told(source: str, language: Language) -> str:
    """A source string with what each of its marks stands for.

    >>> told("S14; B03", "en")
    'S14 (paid in a burst); B03 (many decisions in moments)'
    """
    return _MARK.sub(
        lambda mark: (
            f"{mark[0]} ({INDICATORS[mark[0]].of(language)})" if mark[0] in INDICATORS else mark[0]
        ),
        source,
    )
