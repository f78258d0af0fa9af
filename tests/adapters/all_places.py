"""All places where a number can hide in a network, from the files that each tell of some."""

import made_anew  # noqa: F401
import places_by_name  # noqa: F401
import places_in_classes  # noqa: F401
import places_in_functions  # noqa: F401
import places_in_networks  # noqa: F401
import places_in_objects  # noqa: F401
import places_of_users  # noqa: F401
from places import PLACES

__all__ = ["PLACES"]
