"""Print the queries of Grafana dashboards as a Prometheus rule file, for promtool to parse.

    python3 .ci/dashboard_rules.py DASHBOARD.json... > rules.yaml

JSON is YAML, so the standard library is enough. Grafana's variables get a value that is valid in their place.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_VARIABLES = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h", "$model": ".*"}


def dashboard_queries(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Panel title and PromQL of each query, with the variables replaced."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for variable, value in _VARIABLES.items():
                query = query.replace(variable, value)
            yield panel["title"], query


def main(paths: list[str]) -> int:
    queries = [query for path in paths for query in dashboard_queries(json.loads(Path(path).read_text()))]
    if not queries:
        sys.stderr.write("no query in any dashboard\n")
        return 1
    rules = [
        {"record": f"dashboard:query_{number}", "expr": query, "labels": {"panel": title}}
        for number, (title, query) in enumerate(queries)
    ]
    json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
