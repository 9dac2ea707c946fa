"""What small contracts are for: matters with class, usual size, and the words of their names."""

from dataclasses import dataclass
from typing import Final

WORKS, GOODS, SERVICES = range(3)
CLASSES: Final = ("works", "goods", "services")


@dataclass(frozen=True)
class Matter:
    """One matter: its class, median estimate in yuan, share of contracts, suppliers, words."""

    code: str
    work_class: int
    median_yuan: float
    weight: float
    pool: float
    objects: tuple[str, ...]
    work: str


MATTERS: Final = (
    Matter(
        "road",
        WORKS,
        520_000.0,
        3.0,
        1.0,
        ("道路硬化", "道路拓宽", "路面修补", "人行道改造", "路灯安装", "桥梁加固", "停车场改造"),
        "工程",
    ),
    Matter(
        "drainage",
        WORKS,
        480_000.0,
        2.0,
        0.8,
        ("雨污分流", "管网清淤改造", "排水渠整治", "泵站维修", "污水管道铺设", "河道清淤"),
        "工程",
    ),
    Matter(
        "building",
        WORKS,
        430_000.0,
        3.0,
        1.2,
        (
            "外墙维修",
            "屋面防水",
            "教学楼修缮",
            "文化礼堂改造",
            "厨房改造",
            "办公楼装修",
            "厕所改建",
        ),
        "工程",
    ),
    Matter(
        "greening",
        WORKS,
        300_000.0,
        1.5,
        0.7,
        ("绿化提升", "口袋公园建设", "行道树补植", "景观节点", "庭院整治"),
        "工程",
    ),
    Matter(
        "water",
        WORKS,
        560_000.0,
        1.0,
        0.5,
        ("山塘整治", "渠道防渗", "农田灌溉", "堤防加固", "水闸维修"),
        "工程",
    ),
    Matter(
        "rail_survey",
        WORKS,
        380_000.0,
        0.4,
        0.06,
        ("地下管线探测", "边坡监测加固", "文物保护修缮"),
        "工程",
    ),
    Matter(
        "it",
        GOODS,
        210_000.0,
        1.5,
        0.9,
        ("办公电脑", "服务器", "网络设备", "视频监控设备", "会议系统"),
        "采购",
    ),
    Matter(
        "furniture",
        GOODS,
        120_000.0,
        1.0,
        0.6,
        ("办公家具", "课桌椅", "档案密集架", "窗帘"),
        "采购",
    ),
    Matter(
        "teaching",
        GOODS,
        180_000.0,
        1.0,
        0.5,
        ("实验室设备", "体育器材", "图书", "录播教室设备", "幼儿园玩具"),
        "采购",
    ),
    Matter(
        "material",
        GOODS,
        150_000.0,
        1.2,
        0.7,
        ("防汛物资", "环卫垃圾桶", "消防器材", "交通设施", "应急照明"),
        "采购",
    ),
    Matter(
        "medical",
        GOODS,
        260_000.0,
        0.4,
        0.06,
        ("彩超探头", "疫苗冷链柜", "检验试剂"),
        "采购",
    ),
    Matter(
        "design",
        SERVICES,
        110_000.0,
        1.5,
        0.6,
        ("施工图设计", "规划编制", "地质勘察", "方案设计"),
        "服务",
    ),
    Matter(
        "supervision",
        SERVICES,
        90_000.0,
        1.0,
        0.4,
        ("工程监理", "造价咨询", "招标代理", "竣工审计"),
        "服务",
    ),
    Matter(
        "cleaning",
        SERVICES,
        230_000.0,
        1.5,
        0.8,
        ("道路保洁", "河道保洁", "垃圾清运", "绿化养护", "公厕保洁"),
        "服务",
    ),
    Matter(
        "property",
        SERVICES,
        200_000.0,
        1.0,
        0.5,
        ("物业管理", "保安", "食堂承包", "电梯维保"),
        "服务",
    ),
    Matter(
        "survey",
        SERVICES,
        130_000.0,
        1.0,
        0.5,
        ("土壤检测", "房屋安全鉴定", "宣传活动", "培训", "系统运维"),
        "服务",
    ),
)
"""Median estimates, shares and sizes of pools are assumptions; two matters have few suppliers."""

_FIRST: Final = "柳桥石金新东西南北大小高白青红双龙凤梅竹"
_SECOND: Final = "溪头塘坞浦湾岭田家山桥里坝畈埠泉林洋渚沙"


def village(number: int) -> str:
    """The name of a village.

    >>> village(0), village(21)
    ('柳溪村', '桥头村')
    """
    first = _FIRST[number // len(_SECOND) % len(_FIRST)]
    return f"{first}{_SECOND[number % len(_SECOND)]}村"
