"""What files of schema 2 call otherwise: names of data sets and columns.

In files of later schemas a name is its own: a family of one's own may well count goals.
"""

from typing import Any

OLDER = {  # today's name to the former one
    "visits": "goals",
    "platform": "goal",
    "platform_x": "goal_x",
    "platform_y": "goal_y",
    "old_platform": "old_goal",
    "new_platform": "new_goal",
    "dark_ms": "blank_ms",
    "first_visit_ms": "first_find_ms",
    "first_latency_ms": "first_search_ms",
    "second_latency_ms": "second_search_ms",
    "later_latency_ms": "later_search_ms",
    "whole_pool_visits": "whole_pool_goals",
    "whole_pool_first_latency_ms": "whole_pool_first_search_ms",
    "whole_pool_second_latency_ms": "whole_pool_second_search_ms",
    "whole_pool_later_latency_ms": "whole_pool_later_search_ms",
}
NEWER = {old: new for new, old in OLDER.items()}


def has_older_names(schema_version: Any) -> bool:
    """Whether a file of this schema has the former names."""
    return bool(schema_version < 3)
