"""The further looks at a winner, in the order of the layers that they deepen.

It performs nothing: the climber carries out what they ask for.
"""

from millwright.core.verification.confirmations.agreement import EnginesAgree
from millwright.core.verification.confirmations.audit import SecurityAudit
from millwright.core.verification.confirmations.growth import GrowthOfTime
from millwright.core.verification.confirmations.symbolic import SymbolicSearch
from millwright.core.verification.confirmations.types_again import TypesAgain
from millwright.core.verification.layer import Confirming

CONFIRMATIONS: tuple[Confirming, ...] = (
    TypesAgain(),
    SymbolicSearch(),
    EnginesAgree(),
    SecurityAudit(),
    GrowthOfTime(),
)
"""Every further look, cheap ones of a layer first. A module of this folder without its line here is never asked."""
