from django.http import HttpRequest, HttpResponse


def api_docs(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")
