"""What an address names, and what is said of a wrong one."""

import os
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vistoria.errors import AddressInvalid
from vistoria.images import Address, parse_address


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("a b/ü#?%41.jpg", Address("file", "", "a b/ü#?%41.jpg")),
        ("/x/y.jpg", Address("file", "", "/x/y.jpg")),
        ("we:ird.jpg", Address("file", "", "we:ird.jpg")),
        ("file:///x/a%20b%23.jpg", Address("file", "", "/x/a b#.jpg")),
        ("file:///x/%FF.jpg", Address("file", "", "/x/\udcff.jpg")),
        ("file://localhost/x.jpg", Address("file", "", "/x.jpg")),
        ("gs://b/k", Address("gs", "b", "k")),
        ("GS://b-1.x_y/a b%20#?ü\n/k.jpg", Address("gs", "b-1.x_y", "a b%20#?ü\n/k.jpg")),
        ("s3://b//k", Address("s3", "b", "/k")),
        ("az://c/k", Address("az", "c", "k")),
        ("https://h:81/p?a=1&b=%2F#f", Address("https", "h:81", "/p?a=1&b=%2F")),
        ("http://u:p@h", Address("http", "u:p@h", "/")),
    ],
)
def test_names(uri: str, address: Address) -> None:
    assert parse_address(uri) == address


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("a\0b.jpg", "zero byte"),
        ("file:///a%00b.jpg", "zero byte"),
        ("gs:/b/k.jpg", "gs://bucket/path/photo.jpg"),
        ("gs://", "gs://bucket/path/photo.jpg"),
        ("gs://bucket", "gs://bucket/path/photo.jpg"),
        ("gs://bucket/", "gs://bucket/path/photo.jpg"),
        ("gs:///k.jpg", "gs://bucket/path/photo.jpg"),
        ("s3://b u/k.jpg", "s3://bucket/path/photo.jpg"),
        ("az://c", "az://container/path/photo.jpg"),
        ("https:///p.jpg", "https://host/path/photo.jpg"),
        ("https://h:port/p.jpg", "https://host/path/photo.jpg"),
        ("http://h o/p.jpg", "http://host/path/photo.jpg"),
        ("http://[::1/p.jpg", "http://host/path/photo.jpg"),
        ("file://host/p.jpg", "file:///folder/photo.jpg"),
        ("file:///", "file:///folder/photo.jpg"),
        ("ftp://h/p.jpg", "unknown scheme 'ftp'"),
    ],
)
def test_wrong(uri: str, said: str) -> None:
    with pytest.raises(AddressInvalid) as caught:
        parse_address(uri)
    assert said in str(caught.value)
    assert caught.value.reason == "address_invalid"


@given(st.binary(min_size=1).filter(lambda path: b"\0" not in path and path.strip(b"/")))
def test_any_path_survives_as_file_address(path: bytes) -> None:
    uri = "file:///" + quote_from_bytes(path)
    assert os.fsencode(parse_address(uri).key) == b"/" + path


@given(st.text())
def test_any_text_is_an_address_or_says_why_not(uri: str) -> None:
    try:
        address = parse_address(uri)
    except AddressInvalid as error:
        assert str(error)  # noqa: PT017
    else:
        assert address.key


@given(st.sampled_from(["gs", "s3", "az"]), st.text(min_size=1))
def test_object_names_are_taken_letter_by_letter(scheme: str, key: str) -> None:
    if key.endswith("/") or "\0" in key:
        key += "x"
    if "\0" not in key:
        assert parse_address(f"{scheme}://bucket/{key}") == (scheme, "bucket", key)
