"""The same request in three languages, ready to paste: a test runs each of them as it is printed."""

import json
import pprint
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Snippet:
    """`key` is short, for ids."""

    key: str
    language: str
    needs: str
    code: str


def snippets(url: str, row: Mapping[str, Any]) -> tuple[Snippet, ...]:
    """How to send `row` to `url`."""
    return (
        Snippet("curl", "curl", "A shell in which TOKEN holds your token.", curl_command(url, row)),
        Snippet("python", "Python", "Python alone; your token in the variable TOKEN.", _python(url, row)),
        Snippet("javascript", "JavaScript", "Node 18 or later, or a page of this address.", _javascript(url, row)),
    )


def curl_command(url: str, row: Mapping[str, Any]) -> str:
    """A command line that asks the API the same."""
    body = json.dumps({"inputs": dict(row)}, ensure_ascii=False)
    return (
        f"curl {shlex.quote(url)} \\\n"
        '  -H "Authorization: Token $TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def _python(url: str, row: Mapping[str, Any]) -> str:
    inputs = pprint.pformat(dict(row), sort_dicts=False, width=88)
    return f"""import json
import os
from urllib.request import Request, urlopen

inputs = {inputs}
request = Request(
    {url!r},
    data=json.dumps({{"inputs": inputs}}).encode(),
    headers={{
        "Authorization": "Token " + os.environ["TOKEN"],
        "Content-Type": "application/json",
    }},
)
with urlopen(request, timeout=10) as response:
    answer = json.load(response)
print(answer["predictions"][0])"""


def _javascript(url: str, row: Mapping[str, Any]) -> str:
    inputs = json.dumps(dict(row), ensure_ascii=False, indent=2).replace("</", "<\\/")
    return f"""const token = "…"; // your token
const inputs = {inputs};
const response = await fetch({json.dumps(url)}, {{
  method: "POST",
  headers: {{ Authorization: `Token ${{token}}`, "Content-Type": "application/json" }},
  body: JSON.stringify({{ inputs }}),
}});
const answer = await response.json();
console.log(answer.predictions[0]);"""
