"""What a person needs to know once the product serves: addresses, who may log in, and a request to paste."""

import json
from typing import Any

from predictions.bundle_store import read_bundle
from predictions.models import Deployment

# A token is printed once; later the shell reads it from the file.
_READ_TOKEN = 'import json, sys; print(json.load(open(sys.argv[1]))["token"])'  # noqa: S105 - code, not a secret


def welcome(
    access: dict[str, Any], *, first_time: bool, access_file: str, log_folder: str, metrics_ports: tuple[int, int]
) -> str:
    """The closing text of `make run`. Passwords and token are shown the first time only. Ports: web, dispatcher."""
    url = access["url"]
    web, dispatcher = (f"http://127.0.0.1:{port}/metrics" for port in metrics_ports)
    lines = [
        "",
        "Codesoft MLOps is running. Ctrl-C stops everything.",
        f"  Forms     {url}/",
        f"  Registry  {url}/admin/",
        f"  API       {url}/api/v1/docs",
        f"  Metrics   {web} (web), {dispatcher} (registry)",
        f"  Logs      {log_folder}",
        "",
    ]
    if first_time:
        lines += [f"  {user['name']:<9} password {user['password']}   ({user['role']})" for user in access["users"]]
        lines += [f"  API token {access['token']}", f"  Kept in {access_file}, which only you can read.", ""]
    else:
        lines += [f"  Passwords and API token: {access_file}", ""]
    if first_time:
        lines += _requests(url, access["token"])
    else:
        lines += [f"TOKEN=$(python3 -c '{_READ_TOKEN}' {access_file})", "", *_requests(url, "$TOKEN")]
    return "\n".join(lines) + "\n"


def _requests(url: str, token: str) -> list[str]:
    """One `curl` a live model, with a real document of its live version as inputs."""
    lines = []
    live = Deployment.objects.filter(champion_version__isnull=False).order_by("model")
    for model, bundle_hash in live.values_list("model", "champion_bundle"):
        samples = json.loads(read_bundle(str(bundle_hash))[0])["golden_samples"]
        shortest = min(samples, key=lambda sample: len(json.dumps(sample["inputs"])))
        body = json.dumps({"inputs": shortest["inputs"]}).replace("'", "'\\''")
        lines += [
            f"curl -s {url}/api/v1/models/{model}/predictions \\",
            f'  -H "Authorization: Token {token}" -H "Content-Type: application/json" \\',
            f"  -d '{body}'",
            "",
        ]
    return lines
