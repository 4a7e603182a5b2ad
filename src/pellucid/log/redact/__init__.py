"""Redaction: what must not be written is dropped, masked or tokenised before anything is."""

from pellucid.log.redact.redactor import Redactor
from pellucid.log.redact.rules import Redaction

__all__ = ["Redaction", "Redactor"]
