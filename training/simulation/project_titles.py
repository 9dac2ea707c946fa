"""Names of projects: who files the same project again words it another way or adds a phase.

Two projects have words in common as real ones do, and hardly ever the whole name.
"""

from typing import Final

import numpy as np
import polars as pl

from training.simulation import text
from training.simulation.columns import Columns, scramble
from training.simulation.days import Integers

WORDINGS: Final = 3
"""Ways to word a name; the first is that of whoever files for the first time."""
_FIRST: Final = tuple("临富钱新永德长天金宏华东海瑞安信通明盛泰")
_SECOND: Final = tuple("江阳塘安兴丰泽达源远业升润科诚合力辉茂川")
_GOODS: Final = (
    "精密轴承",
    "新能源电池",
    "汽车座椅",
    "医用口罩",
    "智能水表",
    "光伏组件",
    "纺织面料",
    "数控刀具",
    "食品包装",
    "电梯部件",
    "工业机器人",
    "环保涂料",
    "冷链仓储",
    "注塑模具",
    "生物制剂",
    "家用电器",
    "印刷电路",
    "高端阀门",
    "建筑钢构",
    "粮食烘干",
)
_MAKING: Final = ("生产线", "加工车间", "研发中心", "仓储设施", "厂房")
_DOING: Final = ("新建", "扩建", "改造", "技改", "提升")
_PHASES: Final = ("", "(一期)", "(二期)", "(三期)", "(四期)", "(五期)", "(六期)")


def titles(projects: Columns) -> pl.Series:
    """The name of each project, from its number `name`, its `wording` and its `phase`.

    >>> rows = {"name": np.array([7, 7, 7]), "wording": np.array([0, 1, 0]),
    ...         "phase": np.array([0, 0, 2])}
    >>> len(set(titles(rows))) == 3
    True
    """
    code = scramble(projects["name"].astype(np.int64))
    first, second, goods, making = (
        _word(code, k, of) for k, of in enumerate((_FIRST, _SECOND, _GOODS, _MAKING))
    )
    doing, size = _word(code, 4, _DOING), (code // 7 % 97 + 3).astype(str)
    brand, yearly = first + second, pl.Series(size)
    ways = (
        brand + "公司年产" + yearly + "万件" + goods + making + doing + "项目",
        goods + "智能制造基地(" + brand + ")配套" + making + "工程",
        brand + "产业园" + doing + goods + "示范" + making + "建设",
    )
    frame = pl.DataFrame({str(k): way for k, way in enumerate(ways)}).with_columns(
        wording=pl.Series(projects["wording"].astype(np.int64)),
        phase=text.words("phase", projects["phase"].astype(np.int64), _PHASES),
    )
    chosen = pl.coalesce(pl.when(wording=k).then(pl.col(str(k))) for k in range(WORDINGS))
    return frame.select((chosen + pl.col("phase")).alias("project_title"))["project_title"]


def _word(code: Integers, place: int, of: tuple[str, ...]) -> pl.Series:
    return text.words("word", code // 20**place % len(of), of)
