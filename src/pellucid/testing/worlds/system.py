"""The system spec of a payment world."""

from __future__ import annotations

from pellucid.spec.system import Candidate, Dimension, Layer, Outcome, Segment, System
from pellucid.testing.worlds.features import FEATURES
from pellucid.testing.worlds.router import LAYERS

_DIMENSIONS = (
    Dimension(name="country", label="Card country", meaning="Country where the card was issued."),
    Dimension(name="issuer", label="Issuing bank", meaning="Bank that issued the card."),
    Dimension(name="network", label="Card network", meaning="Network that carries the payment."),
    Dimension(name="card_type", label="Card type", meaning="Credit or debit."),
    Dimension(name="amount_band", label="Amount band", meaning="Size of the payment in euros."),
)
_LAYER_TEXTS = {
    "fees": ("Fees", "penalty", "Takes off what the route costs, as a share of the amount."),
    "contract": (
        "Volume commitments",
        "contract",
        "Favours a processor that was sent less than it was promised the day before.",
    ),
    "guardrail": (
        "Guardrail",
        "guardrail",
        "Keeps high amounts off weak routes, and payments off a route whose approvals collapse.",
    ),
    "exploration": (
        "Exploration",
        "exploration",
        "Sends a small random share to any eligible route, to keep learning.",
    ),
}


def payment_system(name: str = "card-routing") -> System:
    """Return the spec of the payment world's decisions.

    Parameters
    ----------
    name : str, default "card-routing"
        System name.

    Returns
    -------
    System
        Features in the model's order; layers in the order in which they act.

    Examples
    --------
    >>> payment_system().stages
    ('model', 'fees', 'contract', 'guardrail', 'exploration')
    """
    layers = []
    for layer in LAYERS:
        label, kind, meaning = _LAYER_TEXTS[layer]
        layers.append(Layer(name=layer, label=label, kind=kind, meaning=meaning))  # type: ignore[arg-type]
    return System(
        name=name,
        description="Picks the route, a processor and its configuration, for each card payment.",
        unit="decision",
        score_unit="log_odds",
        policy_scale="probability",
        dimensions=_DIMENSIONS,
        features=FEATURES,
        candidate=Candidate(
            name="route",
            label="Route",
            dimensions=(
                Dimension(name="processor", label="Processor", meaning="Who clears the payment."),
                Dimension(
                    name="configuration",
                    label="Configuration",
                    meaning="How the processor is used: direct, 3-D Secure, local, network token.",
                ),
            ),
            repeats=("country", "issuer", "network"),
        ),
        layers=tuple(layers),
        outcomes=(
            Outcome(
                name="approved",
                matures_after="2h",
                label="Approved",
                rate="approval_rate",
                better="up",
                is_predicted=True,
            ),
            Outcome(
                name="chargeback",
                matures_after="60d",
                label="Charged back",
                rate="chargeback_rate",
                better="down",
            ),
        ),
        segments=(
            Segment(name="high_value", where="amount_band = '500_and_over'", label="High value"),
            Segment(name="retries", where="attempt > 1", label="Retried payments"),
            Segment(
                name="euro_area", where="country IN ('DE', 'FR')", label="Cards from the euro area"
            ),
        ),
    )
