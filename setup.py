"""What pyproject.toml cannot say: an installed package takes the scale models along, from the folder assets."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["t2v_helpers*"]), "t2v_helpers.assets"],
    package_dir={"t2v_helpers.assets": "assets"},
    package_data={"t2v_helpers.assets": ["tiny-t2v/**", "tiny-wan/**"]},
)
