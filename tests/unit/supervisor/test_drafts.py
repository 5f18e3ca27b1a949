"""What a start does about the files of tenants that were being made."""

import logging
from pathlib import Path

import pytest

from supervisor.contract.settings import Settings, draft_dir, tenant_dir
from supervisor.contract.shardmap import Directory, first_routes
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.tenants.drafts import DraftError, place, settle

LOG = logging.getLogger("test")


@pytest.mark.parametrize(
    ("state", "has_files", "files"),
    [
        (None, False, None),
        (TenantState.ACTIVE, False, "draft"),
        (TenantState.ACTIVE, True, "own"),  # of a tenant that has long been there
        (TenantState.CREATING, False, None),  # the registry of a former release: its repair removes the row
        (TenantState.FAILED, False, None),
    ],
)
def test_a_draft_becomes_a_tenants_only_by_the_registrys_word(tmp_path, state, has_files, files) -> None:
    settings = Settings(data=str(tmp_path))
    directory = Directory(first_routes(1), "localhost", False)
    if state is not None:
        directory.put(Tenant("one", state))
    draft, final = draft_dir(settings, "one"), tenant_dir(settings, "one")
    for path, text in [(draft, "draft"), (final, "own")][: 2 if has_files else 1]:
        path.mkdir(parents=True)
        (path / "file").write_text(text)
    settle(settings, directory, LOG, {})
    settle(settings, directory, LOG, {})
    assert not draft.exists()
    assert ((final / "file").read_text() if final.exists() else None) == files


def test_without_drafts_there_is_nothing_to_do(tmp_path: Path) -> None:
    settle(Settings(data=str(tmp_path)), Directory(first_routes(1), "localhost", False), LOG, {})
    assert list(tmp_path.iterdir()) == []


def test_a_draft_takes_nobodys_place(tmp_path: Path) -> None:
    (tmp_path / "draft").mkdir()
    (tmp_path / "final").mkdir()
    (tmp_path / "final" / "file").touch()
    with pytest.raises(DraftError, match="cannot become"):
        place(tmp_path / "draft", tmp_path / "final")
    assert (tmp_path / "final" / "file").exists()


@pytest.mark.parametrize(
    ("state", "in_place", "files"),
    [
        (TenantState.ACTIVE, False, "draft"),  # the rename was not on the disk yet when the power failed
        (TenantState.ACTIVE, True, "own"),
        (TenantState.SUSPENDED, False, "draft"),
        (None, False, None),  # deleted since
    ],
)
def test_what_was_made_ahead_is_whose_the_registry_says(tmp_path, state, in_place, files) -> None:
    settings = Settings(data=str(tmp_path))
    directory = Directory(first_routes(1), "localhost", False)
    if state is not None:
        directory.put(Tenant("one", state))
    draft, stray, final = draft_dir(settings, ".ready-1"), draft_dir(settings, ".ready-2"), tenant_dir(settings, "one")
    for path, text in [(stray, "nobody's"), (final, "own") if in_place else (draft, "draft")]:
        path.mkdir(parents=True)
        (path / "file").write_text(text)
    for _ in range(2):
        settle(settings, directory, LOG, {"one": ".ready-1"})
        assert not list(draft.parent.iterdir())
        assert ((final / "file").read_text() if final.exists() else None) == files
