"""A payment router that logs what it decides: ``uvicorn app:app --workers 2``."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from approval import FEATURES, TRAINED_AT, features_of, train
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel
from routes import ROUTES, explore, fees, promises, why_not

import pellucid
from pellucid.log.adapters.models import LoggedModel
from pellucid.log.adapters.prometheus import HealthCollector

SYSTEM = pellucid.read_spec(Path(__file__).with_name("system.yaml"))

log = pellucid.Logger(SYSTEM, to=os.environ.get("LAKE", "lake"))
booster = train()
model = LoggedModel(booster, log, model_id="approval:1", features=FEATURES, raw_scores=True)
registry = CollectorRegistry()
# A scrape reaches one of the workers, so each of them says which one it is.
registry.register(HealthCollector(log, by_process=True))


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    log.model(booster, name="approval", version="1", trained_at=TRAINED_AT, features=FEATURES)
    yield
    log.close()


app = FastAPI(lifespan=lifespan)


class Payment(BaseModel):
    """A payment as the shop sends it."""

    id: str
    amount_minor: int
    currency: str
    country: str
    card: str
    card_number: str
    email: str = ""
    note: str = ""


class Outcome(BaseModel):
    """What the processor said."""

    approved: bool
    reason: str | None = None
    blame: str | None = None


@app.post("/payments")
def decide(payment: Payment) -> dict[str, str | None]:
    """Pick a route."""
    now = datetime.now(UTC)
    with log.decision(
        payment.id, at=now, dims={"country": payment.country, "card": payment.card},
        raw=payment.model_dump(include={"card_number", "email", "note"}),
        amount_minor=payment.amount_minor, currency=payment.currency, policy_version="1",
    ) as d:  # fmt: skip
        routes = []
        for route in ROUTES:
            rule = why_not(route, payment.country, payment.amount_minor)
            d.candidate(
                route.name, eligible=rule is None, reason=rule, dims={"processor": route.processor}
            )
            if rule is None:
                routes.append(route)
        if not routes:
            return {"route": None}
        rows = np.array([
            features_of(route, amount_minor=payment.amount_minor, country=payment.country,
                        card=payment.card, at=now)
            for route in routes
        ])  # fmt: skip
        names = [route.name for route in routes]
        utility = dict(zip(names, model.predict(rows, ids=names), strict=True))
        for layer, terms in (("fees", fees(routes)), ("contract", promises(routes))):
            d.layer(layer, terms)
            utility = {name: score + terms[name] for name, score in utility.items()}
        pick, drawn, propensity = explore(utility)
        d.layer("exploration", picks=drawn)
        d.set(arm="explore" if drawn else "ml")
        d.chose(pick, propensity=propensity)
    return {"route": pick}


@app.post("/payments/{payment_id}/outcome", status_code=202)
def report(payment_id: str, outcome: Outcome) -> None:
    """Take what became of a payment."""
    log.outcome(
        payment_id, "approved", outcome.approved, at=datetime.now(UTC), reason=outcome.reason,
        blame=outcome.blame,
    )  # fmt: skip


@app.get("/health")
def health() -> dict[str, Any]:
    """Return what logging has done."""
    return {**log.health().to_dict(), "is_well": log.health().is_well}


@app.get("/metrics")
def metrics() -> Response:
    """Return the same for Prometheus."""
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
