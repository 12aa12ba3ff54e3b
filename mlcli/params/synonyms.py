"""Other names for parameters, as users of scikit-learn, PyTorch and Keras know them."""

from __future__ import annotations

from collections.abc import Iterable

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
