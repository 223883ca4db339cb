"""What is sealed opens where it was sealed, and nowhere else."""

import base64
import secrets
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.ids import new_id
from kernel.settings import Settings
from kernel.vault import BadSeal, Vault, key_id_of, parse_keys

KEYS = {0: b"\0" * 32, 1: b"\1" * 32, 2: b"\2" * 32}
WHERE = {"tenant_id": new_id(), "place": "table.column", "row_id": new_id()}


@pytest.fixture
def vault() -> Vault:
    return Vault(KEYS)


@given(st.text())
def test_every_text_comes_back(plain):
    vault = Vault(KEYS)
    assert vault.unseal(vault.seal(plain, **WHERE), **WHERE) == plain


@pytest.mark.parametrize(
    "elsewhere",
    [{"tenant_id": UUID(int=1)}, {"place": "table.other"}, {"row_id": UUID(int=1)}],
    ids=["another tenant", "another column", "another row"],
)
def test_what_is_moved_does_not_open(vault, elsewhere):
    sealed = vault.seal("secret", **WHERE)
    with pytest.raises(BadSeal):
        vault.unseal(sealed, **WHERE | elsewhere)


def test_every_flipped_bit_is_found(vault):
    sealed = vault.seal("secret", **WHERE)
    for n in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[n // 8] ^= 1 << n % 8
        with pytest.raises(BadSeal):
            vault.unseal(bytes(altered), **WHERE)


@given(st.binary(max_size=200))
def test_bytes_that_we_did_not_seal_never_open(data):
    with pytest.raises(BadSeal):
        Vault(KEYS).unseal(data, **WHERE)


def test_the_same_secret_never_looks_the_same(vault):
    sealed = [vault.seal("secret", **WHERE) for _ in range(500)]
    nonces = {one[2:14] for one in sealed} | {one[62:74] for one in sealed}
    assert len({*sealed}) == 500
    assert len(nonces) == 1_000
    assert not any(b"secret" in one for one in sealed)


def test_an_older_key_opens_and_the_newest_seals():
    old = Vault({1: KEYS[1]}).seal("secret", **WHERE)
    both = Vault({1: KEYS[1], 2: KEYS[2]})
    assert both.unseal(old, **WHERE) == "secret"
    assert not both.is_current(old)
    moved = both.reseal(old, tenant_id=WHERE["tenant_id"])
    assert key_id_of(moved) == 2
    assert Vault({2: KEYS[2]}).unseal(moved, **WHERE) == "secret"
    with pytest.raises(BadSeal, match="vault key 1"):
        Vault({2: KEYS[2]}).unseal(old, **WHERE)


def test_resealing_for_another_tenant_is_refused(vault):
    with pytest.raises(BadSeal):
        vault.reseal(vault.seal("secret", **WHERE), tenant_id=UUID(int=1))


def test_a_key_under_the_id_of_another_does_not_open(vault):
    sealed = vault.seal("secret", **WHERE)
    with pytest.raises(BadSeal):
        Vault({2: KEYS[1]}).unseal(sealed, **WHERE)


def test_keys_are_read_from_the_setting():
    keys = [secrets.token_bytes(32) for _ in range(2)]
    texts = [base64.urlsafe_b64encode(key).rstrip(b"=").decode() for key in keys]
    assert parse_keys(f"2:{texts[1]}, 1:{texts[0]}") == {1: keys[0], 2: keys[1]}
    assert parse_keys("") == {}


@pytest.mark.parametrize("text", ["1:short", "0:" + "A" * 43, "256:" + "A" * 43, "A" * 43, "1:" + "ä" * 43])
def test_a_key_that_is_none_is_refused_without_being_shown(text):
    with pytest.raises(ValueError, match="32 random bytes") as refusal:
        parse_keys(text)
    assert text.partition(":")[2] not in str(refusal.value) or not text.partition(":")[2]


@pytest.mark.parametrize("text", ["1:short", "A" * 43, "x:" + "A" * 43])
def test_the_process_does_not_start_with_a_bad_key(text):
    with pytest.raises(ValueError, match="ARIIA_VAULT_KEYS"):
        Settings(vault_keys=text)
