"""What does the Django site of the tests serve? The toolkit as it comes, and records behind it.

Django imports this by its name in the settings, once there are settings.
"""

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from oauth2_provider.views.generic import ScopedProtectedResourceView

from tests.oauth.peer import PAGE_ITEMS, PAGES


class Records(ScopedProtectedResourceView):
    """Refuses as the toolkit does: 403, and no word on why."""

    required_scopes = ("records",)

    def get(self, request: HttpRequest) -> HttpResponse:
        page = int(request.GET.get("page", "1"))
        first = (page - 1) * PAGE_ITEMS
        items = [{"id": first + each, "page": page} for each in range(PAGE_ITEMS)]
        return JsonResponse({"items": items, "next": page + 1 if page < PAGES else None})


def logged_in(answer):
    """Whoever comes is our one user: nobody is there to type a password."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.user = get_user_model().objects.get()
        return answer(request)

    return middleware


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("api/records", Records.as_view()),
]
