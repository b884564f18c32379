"""Which models there are in a library, the move from one to another, and the dropping of one."""

from core.switching.listing import ListedModel, models_of
from core.switching.switching import Switched, Switching

__all__ = ["ListedModel", "Switched", "Switching", "models_of"]
