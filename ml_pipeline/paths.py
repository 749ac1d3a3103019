"""The one module that spells artefact paths. All are relative to the folder that holds `dvc.yaml`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Artifacts:
    """The files of one model, by the stage that writes them. `dvc.yaml` names the same paths."""

    model: str

    @property
    def root(self) -> Path:
        return Path("artifacts") / self.model

    # ingestion
    @property
    def documents(self) -> Path:
        return self.root / "ingestion" / "documents.parquet"

    @property
    def ingestion_report(self) -> Path:
        return self.root / "ingestion" / "report.json"

    @property
    def quarantine(self) -> Path:
        return self.root / "ingestion" / "quarantine.jsonl"

    # preprocessing
    @property
    def training_rows(self) -> Path:
        return self.root / "preprocessing" / "training.parquet"

    @property
    def held_out_rows(self) -> Path:
        return self.root / "preprocessing" / "held_out.parquet"

    @property
    def backtest_rows(self) -> Path:
        return self.root / "preprocessing" / "backtest.parquet"

    @property
    def split_report(self) -> Path:
        return self.root / "preprocessing" / "report.json"

    @property
    def data_profile(self) -> Path:
        return self.root / "preprocessing" / "profile.json"

    # feature engineering
    @property
    def encoder(self) -> Path:
        return self.root / "feature_engineering" / "encoder.skops"

    @property
    def training_matrix(self) -> Path:
        return self.root / "feature_engineering" / "training.npz"

    # model building
    @property
    def estimator(self) -> Path:
        return self.root / "model_building" / "estimator.skops"

    @property
    def threshold(self) -> Path:
        return self.root / "model_building" / "threshold.json"

    # evaluation
    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation"

    @property
    def metrics(self) -> Path:
        return self.evaluation / "metrics.json"

    @property
    def bundle(self) -> Path:
        return self.evaluation / "bundle"

    @property
    def plots(self) -> Path:
        return self.evaluation / "plots"

    @property
    def report(self) -> Path:
        return self.evaluation / "report.json"

    @property
    def scores(self) -> Path:
        return self.evaluation / "scores.parquet"

    # registration
    @property
    def recommendation(self) -> Path:
        return self.root / "registration" / "recommendation.json"

    # written before a run, by whoever knows the champion
    @property
    def baseline(self) -> Path:
        return Path("baseline") / f"{self.model}.json"

    @property
    def baseline_bundle(self) -> Path:
        return Path("baseline") / self.model
