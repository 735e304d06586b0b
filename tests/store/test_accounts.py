"""Who may log in, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from diundashboard.model import Invalid, Level
from diundashboard.store import Conflict, NotFound, Store


def test_an_account_is_found_by_its_name_in_any_case(store: Store) -> None:
    account = store.add_account(" Ada ", Level.WRITE, "hash")
    assert (account.name, account.level, account.issuer) == ("Ada", Level.WRITE, "")
    assert store.credentials("aDA") == (account, "hash")
    assert store.credentials("Eve") is None
    assert store.credentials("a\0\ud800") is None
    with pytest.raises(Conflict):
        store.add_account("ADA", Level.READ, "other")
    assert store.accounts() == (account,)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\x1b[31m"])
def test_a_name_that_no_log_could_show_is_refused(store: Store, name: str) -> None:
    with pytest.raises(Invalid):
        store.add_account(name, Level.READ, "hash")
    assert store.accounts() == ()


def test_accounts_are_sorted_by_name_regardless_of_case(store: Store) -> None:
    for name in ("b", "C", "a"):
        store.add_account(name, Level.READ, "hash")
    assert [account.name for account in store.accounts()] == ["a", "b", "C"]


def test_the_first_account_needs_a_code_that_a_start_printed_and_is_an_admin(store: Store) -> None:
    assert store.keep_setup_code("one")
    assert store.keep_setup_code("two")
    with pytest.raises(NotFound):
        store.add_first_account("eve", "hash", "three")
    assert store.knows_setup_code("one")
    assert store.add_first_account("ada", "hash", "one").level == Level.ADMIN
    assert not store.knows_setup_code("two")
    assert not store.keep_setup_code("four")
    with pytest.raises(Conflict):
        store.add_first_account("eve", "hash", "two")


def test_any_account_ends_the_codes(store: Store) -> None:
    store.keep_setup_code("one")
    store.add_account("ada", Level.ADMIN, "hash")
    assert not store.knows_setup_code("one")


def test_the_ten_newest_codes_are_good(store: Store) -> None:
    for number in range(12):
        store.keep_setup_code(str(number))
    assert [store.knows_setup_code(str(number)) for number in range(12)] == [False] * 2 + [True] * 10


def test_of_many_that_make_the_first_account_at_once_one_succeeds(store: Store) -> None:
    def make(number: int) -> bool:
        try:
            store.add_first_account(f"a{number}", "hash", None)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(make, range(8))) == 1
    assert len(store.accounts()) == 1


def test_the_last_admin_stays_one(store: Store) -> None:
    ada = store.add_account("ada", Level.ADMIN, "hash")
    store.recognize("https://id.example", "1", "remote", Level.ADMIN)
    with pytest.raises(Conflict):
        store.set_level(ada.id, Level.WRITE)
    with pytest.raises(Conflict):
        store.remove_account(ada.id)
    eve = store.add_account("eve", Level.READ, "hash")
    store.set_level(eve.id, Level.ADMIN)
    store.remove_account(ada.id)
    assert [(account.name, account.level) for account in store.accounts() if not account.issuer] == [("eve", "admin")]


@pytest.mark.parametrize("unknown", [7, 2**70])
def test_what_is_unknown_is_not_changed(store: Store, unknown: int) -> None:
    with pytest.raises(NotFound):
        store.set_password(unknown, "hash")
    with pytest.raises(NotFound):
        store.set_level(unknown, Level.ADMIN)
    with pytest.raises(NotFound):
        store.remove_account(unknown)


def test_a_hash_is_renewed_unless_the_password_has_changed_meanwhile(store: Store) -> None:
    ada = store.add_account("ada", Level.ADMIN, "old")
    store.renew_hash(ada.id, "old", "new")
    store.renew_hash(ada.id, "old", "late")
    assert store.credentials("ada") == (ada, "new")


def test_a_person_of_a_provider_is_known_by_its_issuer_and_subject(store: Store) -> None:
    first = store.recognize("https://id.example", "42", "Ada", Level.WRITE)
    assert store.recognize("https://id.example", "42", "Ada L.", Level.READ).id == first.id
    assert store.recognize("https://other.example", "42", "Ada", Level.READ).id != first.id
    assert store.recognize("https://id.example", "ADA", "Ada", Level.READ).id != first.id
    assert store.credentials("Ada") is None
    assert store.credentials("42") is None
    with pytest.raises(NotFound):
        store.set_password(first.id, "hash")
    store.add_account("Ada", Level.ADMIN, "hash")
