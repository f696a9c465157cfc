import pytest

from floater.core.talk.danger import DANGEROUS_ENDINGS
from floater.wire.names import clean_file_name


def is_dangerous(name: str) -> bool:
    """The rule as every face applies it."""
    _, dot, ending = name.rpartition(".")
    return dot == "." and ending.lower() in DANGEROUS_ENDINGS


@pytest.mark.parametrize("name", ["a.exe", "A.EXE", "photo.jpg.exe", "a b.sh", ".desktop", "a.AppImage"])
def test_programs_are_known_by_their_ending(name: str) -> None:
    assert is_dangerous(name)


@pytest.mark.parametrize(
    "ending",
    "hta url scf library-ms wsf jse vbe cpl msc pif iso img chm html svg docm xlsm command terminal webloc"
    " run".split(),
)
def test_so_are_documents_disks_and_links_that_can_start_one(ending: str) -> None:
    assert is_dangerous(f"a.{ending}")


@pytest.mark.parametrize("name", "a.pdf a.docx a.xlsx a.zip a.jpg a.mp4 a.txt a.csv a.epub".split())
def test_everyday_files_are_not(name: str) -> None:
    assert not is_dangerous(name)


@pytest.mark.parametrize("name", ["exe", "a.png", "a.exe.txt", "a.", "", "a.sh ", "com"])
def test_other_files_are_not(name: str) -> None:
    assert not is_dangerous(name)


@pytest.mark.parametrize(
    "name", ["a.exe ", "a.exe.", "a.exe...", "gpj.\u202eexe", "a.ex\u200be", "..\\a.exe"]
)
def test_no_trick_with_a_name_hides_its_ending(name: str) -> None:
    """What Windows ignores at the end of a name, and what is not seen, is gone before a name is judged."""
    assert is_dangerous(clean_file_name(name))


def test_endings_are_written_as_they_are_compared() -> None:
    assert all(ending == ending.lower() and "." not in ending for ending in DANGEROUS_ENDINGS)
