"""The supervisor's parts, built and wired in the order in which they depend on each other.

`assemble` makes what the arbiter works with: of nothing at a start, or, when the code of a running supervisor was
replaced, of what its former image has left (`supervisor.takeover`).
"""

import logging
import os
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from supervisor import premises
from supervisor.accounting.keeping import Keeping, open_ledger
from supervisor.accounting.ledger import Ledger
from supervisor.accounting.sampler import Sampler
from supervisor.berths import Berths, berths_for
from supervisor.contract.messages import Notice
from supervisor.contract.plan import Verdict
from supervisor.contract.settings import Operators, Settings, control_socket, ledger_file, registry_file, shard_socket
from supervisor.contract.shardmap import Directory, Routes, first_routes
from supervisor.contract.slots import Slots
from supervisor.crew import Crew, CrewError
from supervisor.measures import Measures
from supervisor.moves import Moves, Shelf
from supervisor.ops.commands import Commands
from supervisor.ops.control import Control
from supervisor.ops.operators import Doors, watching
from supervisor.ops.reports import Reports
from supervisor.ops.statement import Statements
from supervisor.ops.tenancy import Tenancy
from supervisor.parts import Keepsake, OnDeath, Parts
from supervisor.premises import StartError
from supervisor.pump import Pump
from supervisor.respawn import signal_name
from supervisor.takeover import State
from supervisor.tenants import drafts
from supervisor.tenants.drafts import DraftError
from supervisor.tenants.holds import Holds
from supervisor.tenants.registry import Registry, RegistryError
from supervisor.tick import Tick
from supervisor.upgrade import Upgrade

CONTROL_MODE = 0o600
SHARD_SOCKET_MODE = 0o660

OnOpen = Callable[[Tenancy, Commands, Moves], Coroutine[Any, Any, None]]


def assemble(  # noqa: PLR0917 (what differs between a start and a takeover)
    settings: Settings,
    state: State | None,
    lock: int,
    reread: Callable[[], Settings],
    on_open: OnOpen,
    log: logging.Logger,
) -> Parts:
    """Everything but the listener for HTTP. `on_open` is run on the loop once commands are taken. Raises StartError."""
    registry = Registry(registry_file(settings))
    directory = _directory(settings, registry, state, log)
    pump = Pump()
    berths = berths_of(settings, state, log)
    crew = Crew(pump.loop, directory, berths.count, log)
    crew.stand_still = pump.stand_still
    ledger = open_ledger(ledger_file(settings), _created_of(directory), log)
    keeping = Keeping(ledger, log)
    holds, shelf, verdicts = Holds(), _shelf(settings, state), _verdicts(state)
    moves = Moves(settings, pump.loop, crew, directory, berths, registry, holds, shelf, log)
    moves.note = ledger.events.note
    tenancy = Tenancy(settings, registry, directory, crew, ledger, log, holds)
    hands = Measures(moves.begin, crew, moves, tenancy, verdicts, log)
    tick = Tick(settings, directory, berths.slots, Sampler(), ledger, hands, log, verdicts)
    tick.busy = lambda: moves.busy
    upgrade = Upgrade(pump.loop, crew, moves, pump.stand_still, state.takeovers if state else 0, log)
    reports = Reports(settings, directory, crew, ledger, tick)
    commands = Commands(tenancy, reports, moves, upgrade, tick)
    control = Control(
        pump.loop,
        _adopted(state.control) if state else premises.listen_unix(control_socket(settings), CONTROL_MODE),
        commands,
        log,
        lambda: moves.begin(on_open(tenancy, commands, moves)),
    )
    upgrade.counter = control
    operators = _operators(settings, state, log)
    watched = watching(pump.loop, operators, reports, ledger.events, lambda: reports.settings, log)
    crew.on_usage = ledger.book
    crew.on_lost = ledger.lost
    crew.on_ask = Statements(lambda: reports.settings, directory, ledger, tick).answer
    crew.on_failed = lambda failed: moves.begin(tenancy.mark_failed(failed))
    crew.on_jobs = lambda told: moves.begin(tenancy.heed(told))
    crew.on_notice = lambda told: _note(ledger, told)
    keepsakes: dict[str, Keepsake] = {"ledger": ledger, "policy": tick, **watched.memories}
    if state is not None:
        for name, part in keepsakes.items():
            part.recall(state.kept.get(name))
    if state is None:
        keeping.start(pump.loop)
    else:
        keeping.start(pump.loop, "upgrade", "the new code has taken over")
    return Parts(
        settings=settings,
        registry=registry,
        directory=directory,
        berths=berths,
        crew=crew,
        moves=moves,
        tick=tick,
        desk=Doors(control, watched.door),
        control=control,
        operators=operators,
        operators_listen=settings.operators.listen,
        pump=pump,
        shelf=shelf,
        verdicts=verdicts,
        reread=reread,
        settled=reports.use,
        on_death=_on_death(ledger, tick),
        upgrade=upgrade,
        keeping=keeping,
        keepsakes=keepsakes,
        lock=lock,
        state=state,
    )


def _directory(settings: Settings, registry: Registry, state: State | None, log: logging.Logger) -> Directory:
    routes = Routes(tuple(state.berths)) if state else first_routes(settings.shards)
    directory = Directory(routes, settings.base_domain, settings.path_prefix)
    try:
        registry.prepare()
        for tenant in registry.load():
            directory.put(tenant)
        if state is None:
            taken = registry.taken()
            drafts.settle(settings, directory, log, taken)
            if taken:
                registry.forget_taken()
    except (RegistryError, DraftError) as error:
        raise StartError(str(error)) from error
    finally:
        registry.close()  # what is imported next configures SQLite, for which nothing may be open
    return directory


def _created_of(directory: Directory) -> Callable[[str], str | None]:
    def created_of(name: str) -> str | None:
        tenant = directory.get(name)
        return None if tenant is None else tenant.created

    return created_of


def berths_of(settings: Settings, state: State | None, log: logging.Logger) -> Berths:
    """New ones, or those of the former image with all that may still arrive there."""
    if state is None:
        return Berths(berths_for(settings.shards), log)
    links = [(_adopted(sender), _adopted(inbox)) for sender, inbox in state.links]
    berths = Berths(len(links), log, links, Slots(len(links), state.slots))
    berths.heirs.update(state.heirs)
    return berths


def _shelf(settings: Settings, state: State | None) -> Shelf:
    def make(shard: int) -> socket.socket:
        try:
            return premises.listen_unix(shard_socket(settings, shard), SHARD_SOCKET_MODE)
        except StartError as error:
            raise CrewError(str(error)) from error

    def close(listener: socket.socket) -> None:
        Path(listener.getsockname()).unlink(missing_ok=True)
        listener.close()

    shelf = Shelf(make, close)
    if state is not None:
        shelf.listeners.extend(map(_adopted, state.shelf))
        return shelf
    try:
        shelf.fit(settings.shards)
    except CrewError as error:
        raise StartError(str(error)) from error
    return shelf


def _adopted(descriptor: int) -> socket.socket:
    sock = socket.socket(fileno=descriptor)
    sock.setblocking(False)
    return sock


def _operators(settings: Settings, state: State | None, log: logging.Logger) -> socket.socket | None:
    """Where nobody chose the address, a port that another one has (a second server on this machine) stops no start; nor
    does anything once tenants are served."""
    if state is not None and state.operators >= 0:
        listener = _adopted(state.operators)
        if state.operators_listen == settings.operators.listen:
            return listener
        listener.close()
    try:
        return premises.listen_operators(settings)
    except StartError as error:
        if state is None and settings.operators.listen != Operators().listen:
            raise
        log.error("%s; nobody can look at /metrics and /healthz", error)
        return None


def _verdicts(state: State | None) -> dict[str, Verdict]:
    return {verdict.name: verdict for verdict in state.verdicts} if state else {}


def _note(ledger: Ledger, told: Notice) -> None:
    account = ledger.get(told.tenant)
    ledger.events.note(told.kind, told.tenant, account.shard if account else -1, told.reason)


def _on_death(ledger: Ledger, tick: Tick) -> OnDeath:
    def on_death(shard: int, berth: int, pid: int, status: int, holder: tuple[str, int] | None) -> None:
        if status:
            code = os.waitstatus_to_exitcode(status)
            how = f"exited with code {code}" if code > 0 else f"was ended by {signal_name(-code)}"
            ledger.events.note("worker_died", "", shard, f"pid {pid} {how}", {"berth": berth})
        tick.died(shard, pid, status, holder)

    return on_death
