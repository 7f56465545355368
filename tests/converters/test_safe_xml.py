import pytest

from ovis_jax.converters.safe_xml import read_xml
from ovis_jax.formats.errors import InputError


def test_entities_are_refused_whatever_they_are(tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><annotations>&y;</annotations>'
    leak = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><annotations>&x;</annotations>'
    outside = '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><annotations/>'
    for content in (bomb, leak, outside):
        (tmp_path / "clip.xml").write_text(content)
        with pytest.raises(InputError, match="clip.xml: declares a document type"):
            read_xml(tmp_path / "clip.xml")
    with pytest.raises(InputError, match="none.xml: cannot be read"):
        read_xml(tmp_path / "none.xml")
