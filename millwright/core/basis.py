"""What a project is planned from: the profile of the model that coders ask, and what earlier projects taught.

It is fixed when the project is opened, so that a second run of the project plans as the first did. It learns nothing
from the project itself: that is ``outlook``'s.
"""

from collections.abc import Iterable

from millwright.core.budget import FREE, Price
from millwright.core.corrections import Corrections, Figure, learned
from millwright.core.learning import Experience, prior, summed
from schemas.base import Schema
from schemas.evidence import Forecast
from schemas.identity import Archetype
from schemas.presets import ModelEntry, ModelProfile, Preset

CARRIED = 40.0
"""The most that all earlier projects count for, in independent observations of one kind of task: other tasks were
asked there, and twenty elections or so of the project's own must be able to outweigh them."""

LEAST_MARGIN = 2
"""The narrowest margin that is planned for code: at 1 the first answer that passes would win, and nobody would have
been asked whether it is what others say. A person may still fix k at 1."""


class Basis(Schema):
    """What margins are planned and figures are forecast from.

    ``priced``: the prices, in US dollars for a million tokens, are known; else calls count as free.
    """

    target: float = 0.95
    model: str = ""
    experience: Experience = Experience()
    corrections: Corrections = Corrections()
    prompt_tokens: int = 900
    completion_tokens: int = 300
    seconds_per_call: float = 5.0
    prompt_price: float = 0.0
    completion_price: float = 0.0
    priced: bool = False

    @property
    def tokens_per_call(self) -> float:
        """Tokens of an average call, as corrected by what was seen."""
        return (self.prompt_tokens + self.completion_tokens) * self.tokens_factor

    @property
    def cost_per_call(self) -> float:
        """What an average call costs, as corrected by what was seen."""
        return Price(self.prompt_price, self.completion_price).of(self.prompt_tokens, self.completion_tokens) * (
            self.tokens_factor
        )

    @property
    def tokens_factor(self) -> float:
        """By how much calls took more tokens than the profile says."""
        return self.corrections.of(Figure.TOKENS).factor


def planned_by(preset: Preset) -> ModelEntry:
    """Return the model that a project is planned by: the first that coders ask. Lessons are kept by its name."""
    return preset.models[preset.routes.get(Archetype.CODER, preset.default).models[0]]


def price_of(profile: ModelProfile) -> Price:
    """Return a model's prices; one of unknown price counts as free."""
    return Price(profile.prices.prompt, profile.prices.completion) if profile.prices else FREE


def basis(profile: ModelProfile, model: str, *, target: float = 0.95, finished: Iterable[Forecast] = ()) -> Basis:
    """Return what a project with a model of this profile is planned from.


    ``finished`` are forecasts with what came of them. What was learned about other models does not count.
    """
    forecasts = tuple(finished)
    taught = (lesson for each in forecasts if each.actual for lesson in each.actual.lessons)
    experience = Experience(
        right=prior(profile.right.mean, profile.right.strength),
        usable=prior(profile.usable.mean, profile.usable.strength),
    )
    for lesson in summed(each for each in taught if each.kind.model == model):
        experience = experience.plus(lesson.at_most(CARRIED))
    price = price_of(profile)
    return Basis(
        target=target,
        model=model,
        experience=experience,
        corrections=learned(forecasts),
        prompt_tokens=profile.prompt_tokens,
        completion_tokens=profile.completion_tokens,
        seconds_per_call=profile.seconds_per_call,
        prompt_price=price.prompt,
        completion_price=price.completion,
        priced=profile.prices is not None,
    )
