import pytest

from tests.end_to_end.product import Product
from tests.project_copy import add_wine, copy_project


@pytest.fixture
def product(first_started):
    """The product, serving: a test that stopped it leaves it to the next one to start."""
    if not first_started.answers:
        first_started.stop()
        first_started.start()
    return first_started


@pytest.fixture(scope="session")
def first_started(tmp_path_factory):
    """A product with the three bundled models and a fourth, declared in a block, trained from nothing."""
    folder = tmp_path_factory.mktemp("product")
    project = copy_project(folder / "project")
    add_wine(project)
    product = Product(project, folder / "var")
    product.start()
    yield product
    product.stop()
