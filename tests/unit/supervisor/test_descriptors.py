"""What descriptors the settings ask for, and what is made of them where there are fewer."""

import pytest
from msgspec.structs import replace

from supervisor.berths import berths_for
from supervisor.contract.settings import Http, Settings, Sql
from supervisor.descriptors import CONNECTIONS_MIN, LIVE_MIN, fit
from supervisor.premises import StartError

BERTHS = berths_for(2)


def taken(settings: Settings) -> int:
    """What a worker with these settings takes at most, apart from what any worker has."""
    return settings.http.connections_max + settings.live_tenants_max * (8 + max(1, settings.sql.pool_threads // 2))


@pytest.mark.parametrize("limit", [1_048_576, 65_536, 20_500])
def test_what_fits_stays_as_it_is(limit: int) -> None:
    assert fit(Settings(), limit, BERTHS) == (Settings(), "")


@pytest.mark.parametrize("limit", [20_000, 4096, 1024, 512])
@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(live_tenants_max=50),
        Settings(http=Http(connections_max=100)),
        Settings(sql=Sql(pool_threads=64)),
    ],
)
def test_what_does_not_fit_is_sized_down_and_told_with_figures(settings: Settings, limit: int) -> None:
    fitted, told = fit(settings, limit, BERTHS)
    if not told:
        assert fitted == settings
        return
    assert taken(fitted) < limit - 2 * BERTHS
    assert taken(fitted) > 0.5 * (limit - 2 * BERTHS - 300), "what there is is used"
    assert CONNECTIONS_MIN <= fitted.http.connections_max <= settings.http.connections_max
    assert 1 <= fitted.live_tenants_max <= settings.live_tenants_max
    figures = (limit, settings.http.connections_max, settings.live_tenants_max)
    for figure in (*figures, fitted.http.connections_max, fitted.live_tenants_max):
        assert str(figure) in told
    assert "\n" not in told
    # nothing else changes, and what was sized down fits
    http = replace(fitted.http, connections_max=settings.http.connections_max)
    assert replace(fitted, http=http, live_tenants_max=settings.live_tenants_max) == settings
    assert fit(fitted, limit, BERTHS) == (fitted, "")


@pytest.mark.parametrize("limit", [0, 64, 256, 300])
def test_a_start_is_refused_only_where_nothing_sensible_fits(limit: int) -> None:
    with pytest.raises(StartError, match=rf"only {limit} open files .* at least \d+ are needed"):
        fit(Settings(), limit, BERTHS)


def test_the_least_there_is_serves() -> None:
    with pytest.raises(StartError) as caught:
        fit(Settings(), 10, BERTHS)
    least = int(str(caught.value).split("at least ")[1].split()[0])
    fitted, _ = fit(Settings(), least, BERTHS)
    assert fitted.http.connections_max >= CONNECTIONS_MIN
    assert fitted.live_tenants_max >= LIVE_MIN
    with pytest.raises(StartError):
        fit(Settings(), least - 1, BERTHS)


def test_few_are_enough_for_a_small_server() -> None:
    small = Settings(http=Http(connections_max=8), live_tenants_max=2)
    assert fit(small, 400, BERTHS) == (small, "")
