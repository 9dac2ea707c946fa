"""What the statistics rest on: the paper for each, with its identifier."""

from typing import Final

MAD: Final = (
    "Hampel 1974, The influence curve and its role in robust estimation, "
    "doi:10.1080/01621459.1974.10482962"
)
ROBUST: Final = (
    "Rousseeuw & Croux 1993, Alternatives to the median absolute deviation, "
    "doi:10.1080/01621459.1993.10476408"
)
HHI: Final = (
    "Hirschman 1964, The paternity of an index, American Economic Review 54(5), 761, "
    "https://www.jstor.org/stable/1818582"
)
SHANNON: Final = (
    "Shannon 1948, A mathematical theory of communication, doi:10.1002/j.1538-7305.1948.tb01338.x"
)
FOLLOWS: Final = (
    "van der Aalst 2016, Process Mining: Data Science in Action, doi:10.1007/978-3-662-49851-4"
)
HANDOVER: Final = (
    "van der Aalst, Reijers & Song 2005, Discovering social networks from event logs, "
    "doi:10.1007/s10606-005-9005-9"
)
RIDIT: Final = "Bross 1958, How to use ridit analysis, doi:10.2307/2527727"
POISSON_BINOMIAL: Final = (
    "Hong 2013, On computing the distribution function for the Poisson binomial distribution, "
    "doi:10.1016/j.csda.2012.10.006"
)
FUNNEL: Final = (
    "Spiegelhalter 2005, Funnel plots for comparing institutional performance, doi:10.1002/sim.1970"
)
MINWISE: Final = "Li & König 2010, b-Bit minwise hashing, doi:10.1145/1772690.1772759"
BLOOM: Final = (
    "Bloom 1970, Space/time trade-offs in hash coding with allowable errors, "
    "doi:10.1145/362686.362692"
)
RESEMBLANCE: Final = (
    "Broder 1997, On the resemblance and containment of documents, doi:10.1109/SEQUEN.1997.666900"
)
