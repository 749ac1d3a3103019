"""The browser's door: a list of models, and for each a form that is made from its live version."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.errors import InvalidInputs
from predictions import services
from predictions.api.presenting import present_summary
from predictions.serving import current
from predictions.serving.routing import champion_of
from predictions.web.fields import form_fields, row_of_texts, shown_fault, texts_of_row, title_of
from predictions.web.results import Result, key_metric, present_result
from predictions.web.snippets import snippets

SHOWN_EXAMPLES = 6

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def login_where_needed(view: View[P]) -> View[P]:
    """Ask for a login where `FORMS_NEED_LOGIN` says so; elsewhere the database is not even asked who it is."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if settings.FORMS_NEED_LOGIN and not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return guarded


def takes(*methods: str) -> Callable[[View[P]], View[P]]:
    """Refuse another method before a form's token is asked for, whose lack would be the wrong thing to complain of."""

    def decorate(view: View[P]) -> View[P]:
        return csrf_exempt(require_http_methods(methods)(csrf_protect(view)))

    return decorate


@takes("GET", "HEAD")
@login_where_needed
def models_page(request: HttpRequest) -> HttpResponse:
    """Every known model: what it is for, which version is live, how good it is."""
    models = [
        {**present_summary(live), "metric": key_metric(live.champion.bundle) if live.champion else None}
        for live in current().models.values()
    ]
    return render(request, "predictions/models.html", {"models": models})


@takes("GET", "HEAD", "POST")
@login_where_needed
def model_page(request: HttpRequest, model: str) -> HttpResponse:
    """The form of one model, and after a POST its answer on the same page."""
    live = services.find_model(model=model)
    bundle = champion_of(live).bundle
    result: Result | None = None
    errors: dict[str, str] = {}
    if request.method == "POST":
        texts = _texts(request, bundle)
        row = row_of_texts(bundle.inputs, texts)
        try:
            predicted = services.predict(model=model, rows=[row], caller=_caller(request), explain=True)
            result = present_result(bundle, predicted, texts)
        except InvalidInputs as refused:
            errors = _faults(bundle, refused)
    else:
        texts = texts_of_row(bundle.inputs, _example(bundle, request.GET.get("example", "")))
        row = row_of_texts(bundle.inputs, texts)
    context = {
        "model": present_summary(live),
        "metric": key_metric(bundle),
        "fields": form_fields(bundle.inputs, texts, errors),
        "examples": _examples(bundle),
        "result": result,
        "errors": errors,
        "snippets": snippets(_api_url(request, model), row if row and not errors else _example(bundle, "0")),
    }
    return render(request, "predictions/model.html", context, status=400 if errors else 200)


@takes("POST")
@login_where_needed
def what_if(request: HttpRequest, model: str) -> HttpResponse:
    """The card for the form as it stands while somebody edits it: tried, and not logged."""
    bundle = champion_of(services.find_model(model=model)).bundle
    texts = _texts(request, bundle)
    try:
        predicted = services.what_if(model=model, row=row_of_texts(bundle.inputs, texts))
    except InvalidInputs as refused:
        faults = [(title_of(name, bundle.inputs[name]), fault) for name, fault in _faults(bundle, refused).items()]
        return render(request, "predictions/what_if_refused.html", {"faults": faults}, status=400)
    result = present_result(bundle, predicted, texts, is_what_if=True)
    return render(request, "predictions/result.html", {"result": result})


def _texts(request: HttpRequest, bundle: ModelBundle) -> dict[str, str]:
    return {name: str(request.POST.get(name, "")) for name in bundle.inputs}


def _faults(bundle: ModelBundle, refused: InvalidInputs) -> dict[str, str]:
    """What is wrong with each field of a form."""
    faults = refused.details["rows"][0]["errors"]
    return {fault["field"]: shown_fault(bundle.inputs, fault) for fault in faults}


def _caller(request: HttpRequest) -> str:
    return request.user.get_username() if settings.FORMS_NEED_LOGIN else ""


def _example(bundle: ModelBundle, number: str) -> Mapping[str, Any]:
    """The inputs of a golden sample, what is missing left out; empty where there is none of that number."""
    known = number.isascii() and number.isdigit() and int(number[:3]) < len(bundle.golden_samples)
    inputs = bundle.golden_samples[int(number[:3])]["inputs"] if known else {}
    return {name: value for name, value in inputs.items() if value is not None}


def _examples(bundle: ModelBundle) -> list[dict[str, Any]]:
    samples = bundle.golden_samples[:SHOWN_EXAMPLES]
    return [{"number": number, "label": sample["label"]} for number, sample in enumerate(samples)]


def _api_url(request: HttpRequest, model: str) -> str:
    return request.build_absolute_uri(reverse("api-predictions", args=[model])).rstrip("/")
