"""What does a provider's file say of calls, as it is told over the control socket?"""

from daemon.control.provider_messages import BatchView, CallsView, EndpointView, WindowView
from daemon.decide.caching import IF_ERROR
from daemon.endpoint_file import Batch, Endpoint
from daemon.pool import CONNECTIONS_MAX, KEEPALIVE_S
from daemon.provider_file import ProviderFile
from daemon.rate_file import RateWindow


def calls(file: ProviderFile) -> CallsView:
    """What holds, whether the file says it or not."""
    return CallsView(
        timeout_s=file.limits.timeout_s,
        silence_s=file.limits.silence(file.limits.timeout_s),
        body_bytes_max=file.limits.body_bytes_max,
        rate=[_window(each) for each in file.rate.windows],
        connections_max=CONNECTIONS_MAX,
        idle_s=KEEPALIVE_S,
        idempotency_header=file.idempotency_header,
        private_hosts=list(file.private_hosts),
        stale_s=IF_ERROR.total_seconds(),
        endpoints=[_endpoint(path, each) for path, each in file.endpoints.items()],
    )


def _window(window: RateWindow) -> WindowView:
    return WindowView(
        calls=window.calls,
        per_s=window.per_s,
        scope=window.scope,
        kind=window.kind,
        only=window.only,
    )


def _endpoint(path: str, endpoint: Endpoint) -> EndpointView:
    return EndpointView(
        path=path,
        title=endpoint.title,
        cached=endpoint.cached,
        fresh_s=endpoint.fresh_s,
        stale_while_revalidate_s=endpoint.stale_while_revalidate_s,
        stale_if_error_s=endpoint.stale_if_error_s,
        patience_s=endpoint.patience_s,
        shared=endpoint.shared,
        debounce_s=endpoint.debounce_s,
        batch=_batch(endpoint.batch) if endpoint.batch else None,
    )


def _batch(batch: Batch) -> BatchView:
    return BatchView(
        path=batch.path,
        records=batch.records,
        key=batch.key,
        size=batch.size,
        wait_s=batch.wait_s,
        separator=batch.separator,
    )
