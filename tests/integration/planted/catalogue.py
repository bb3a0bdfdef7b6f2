"""All planted defects, layer by layer."""

from tests.integration.planted import (
    contracts,
    performance,
    property_tests,
    security,
    static_analysis,
    syntax,
    types,
    unit_tests,
)
from tests.integration.planted.case import Defect

DEFECTS: tuple[Defect, ...] = (
    *syntax.DEFECTS,
    *types.DEFECTS,
    *contracts.DEFECTS,
    *unit_tests.DEFECTS,
    *property_tests.DEFECTS,
    *static_analysis.DEFECTS,
    *security.DEFECTS,
    *performance.DEFECTS,
)
