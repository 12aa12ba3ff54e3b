"""What is wrong with a value, in one sentence with its place and the nearest right name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from mlcli.config.fields import Section, choices, extra, is_flag, requirement

if TYPE_CHECKING:
    from pydantic import ValidationError


@dataclass(frozen=True)
class Fault:
    """One fault: its place (``params.yaml:3:5``, a flag, a variable) and its sentence."""

    place: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}"


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The known word closest to `word`, if one is close."""
    close = get_close_matches(word.lower(), list(words), n=1, cutoff=0.5)
    return close[0] if close else None


def unknown(kind: str, word: str, words: Iterable[str]) -> str:
    """The sentence about an unknown name."""
    known = list(words)
    hint = (
        " or ".join(meant(word, known))
        or nearest(word.replace("-", "_"), known)
        or nearest(word, known)
    )
    tail = f"; try {hint}" if hint else f"; known are {', '.join(sorted(known))}"
    return f"unknown {kind} {word!r}{tail}"


def shown(value: Any) -> str:
    """A value as the user wrote it, shortened."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def explain(
    error: ValidationError, model: type[Section], section: str, places: Mapping[str, str]
) -> list[Fault]:
    """The faults in a pydantic error, each with the place its value came from."""
    faults: dict[tuple[str, str], Fault] = {}
    for detail in error.errors(include_url=False, include_context=False):
        where = detail["loc"]
        key = str(where[0]) if where else ""
        place = places.get(key) or places.get("", section)
        faults[place, key] = Fault(place, _sentence(detail, model, section, key))
    return list(faults.values())


def _sentence(detail: Mapping[str, Any], model: type[Section], section: str, key: str) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown("key", key, model.model_fields) + f" (section {section})"
    if detail["type"] == "value_error":
        # A fault of several keys together has none of its own; its place names the section.
        named = f"{section}.{key}: " if key else ""
        return named + str(detail["msg"]).removeprefix("Value error, ")
    field = model.model_fields[key]
    sentence = f"{section}.{key} must be {requirement(field)}, got {shown(detail['input'])}"
    words = choices(field) or (("true", "false") if is_flag(field) else ())
    word = str(detail["input"])
    known_as = (extra(field, "also_called") or {}).get(word.lower())
    hint = known_as or nearest(word, words) or extra(field, "example")
    return sentence + (f"; try {hint}" if hint else "")


# Parameter -> names that are used for it elsewhere, without hyphens and underscores. A name may
# stand at several parameters: those that a command has are suggested.
SYNONYMS: dict[str, str] = {
    "activation": "act activationfn activationfunction nonlinearity transfer",
    "architecture": "arch hidden hiddenlayers conv network net model",
    "basis": "kernel",
    "batch_size": "batch batchsize bs minibatch minibatchsize",
    "batch_sizes": "batch batchsize bs",
    "beta1": "b1 betas",
    "beta2": "b2 betas",
    "categorical": "categories onehot cats",
    "class_weights": "classweight weights balanced",
    "clip_norm": "clip gradclip clipgrad maxnorm clipvalue gradientclipping",
    "data": "input file dataset csv path train traindata datafile datapath filename inputfile",
    "dates": "date datetime time timestamp",
    "decay_epochs": "stepsize milestones",
    "degree": "deg order polydegree degrees",
    "degrees": "deg order polydegree degree",
    "device": "gpu cuda cpu mps usegpu usecuda nocuda accelerator",
    "draw_column": "draw",
    "dropout": "dropoutrate drop droprate dropoutprob",
    "eta_0": "lr learningrate eta",
    "features": "columns cols x inputs predictors covariates variables featurecolumns",
    "figures": "format plotformat",
    "file": "input data dataset csv path images",
    "filter_size": "kernelsize",
    "folder": "data path dir directory run runs input",
    "force": "overwrite rerun",
    "group_column": "group groups",
    "hidden": "hiddenlayers hiddenlayersizes hiddensize hiddensizes layers units neurons width"
    " hiddenunits layersizes dims",
    "impute": "fillna imputer missing",
    "init": "initializer initialiser initialization initialisation weightinit kernelinitializer",
    "intercept": "bias fitintercept",
    "jobs": "njobs workers numworkers nworkers threads processes cores parallel",
    "json": "asjson",
    "l1": "alpha lambda lam lasso reg regularization regularisation l1reg l1ratio c",
    "l2": "alpha lambda lam ridge reg regularization regularisation l2reg c weightdecay wd",
    "layers": "hiddenlayers numlayers nlayers",
    "learning_rate": "lr eta rate stepsize learningrateinit eta0",
    "loss": "criterion lossfn objective",
    "max_passes": "maxiter epochs nepochs epoch iterations",
    "max_steps": "maxiter iterations niter nsteps steps epochs nepochs",
    "methods": "models model estimators",
    "model": "estimator",
    "n_cycles": "cycles",
    "n_datasets": "datasets nbootstrap bootstraps",
    "n_epochs": "epochs epoch nepochs numepochs maxepochs maxiter iterations trainepochs ep",
    "n_folds": "folds k cv nsplits splits kfolds numfolds fold",
    "n_repeats": "repeats",
    "n_samples": "samples rows n size nrows numsamples",
    "n_seeds": "seeds runs repeats nruns replicates restarts nrepeats numseeds",
    "n_steps": "steps iterations niter maxiter numsteps epochs nepochs",
    "name": "data dataset",
    "network": "model net type",
    "noise_std": "noise sigma std",
    "normalisation": "batchnorm norm layernorm bn normalization",
    "optimiser": "optim optimizer opt solver",
    "out": "output outdir outputdir save savedir outputfile o outfile dest",
    "params": "config configfile cfg yaml paramsfile",
    "patience": "earlystopping earlystop",
    "penalty": "reg regularization regularisation regularizer",
    "plots": "plot nofigures",
    "positive": "poslabel positiveclass",
    "prior_precision": "alpha lambda l2",
    "noise_precision": "beta",
    "rate_max": "maxlr endlr lr learningrate",
    "rate_min": "minlr startlr lr learningrate",
    "run": "model folder",
    "scaling": "scale normalize normalise standardize standardise scaler",
    "schedule": "scheduler lrscheduler lrschedule decay",
    "scheme": "splitter split",
    "score": "metric scoring",
    "seed": "randomstate randomseed rng manualseed",
    "solver": "method algorithm optimizer optim",
    "standardize": "scale normalize normalise scaling standardise scaler",
    "strength_max": "alphas lambdas strengths",
    "strength_min": "alphas lambdas strengths",
    "target": "label labels y targetcolumn labelcolumn ycolumn response outcome",
    "task": "problem mode",
    "test_fraction": "testsize testsplit test holdout testratio",
    "to": "format",
    "train_rates": "lr learningrate rates",
    "validation_fraction": "valsplit validationsplit valsize val valfraction validation valratio",
    "weight_decay": "wd alpha reg decay",
}


def meant(name: str, known: Iterable[str]) -> list[str]:
    """The known parameters that have this name elsewhere, in the order of the known ones.

    Args:
        name: as typed; case, hyphens and underscores don't matter.
        known: the parameters there are, with hyphens or underscores.
    """
    keys, plain = list(known), _plain(name)
    same = [key for key in keys if _plain(key) == plain]
    return same or [key for key in keys if plain in SYNONYMS.get(key.replace("-", "_"), "").split()]


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
