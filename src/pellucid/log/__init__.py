"""Module 1: what a service imports to log its decisions."""

from pellucid.log.client import Logger

__all__ = ["Logger"]
