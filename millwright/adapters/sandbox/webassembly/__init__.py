"""The second engine: CPython compiled to WebAssembly, run by wasmtime within this process.

It cannot run commands, and is slower than the first engine on code that computes; it needs nothing of the kernel.
Known differences from the first engine, all of which follow from the other interpreter or the missing system:

* CPython 3.14 runs inside, whatever interpreter Millwright itself uses: messages of exceptions differ between versions.
* It is a 32-bit build: ``sys.maxsize`` is 2**31 - 1, and hashes, so the order of sets, differ from the first engine's.
  The seed of hashes is drawn when the component is built: the same in each run on one machine, another elsewhere.
* Only modules that were loaded when the component was built exist; importing another raises ``ModuleNotFoundError``.
* Since CPython 3.12 ``sum`` of floats is more exact, so last bits may differ; since 3.14 annotations are not evaluated.
* There is no system: files, threads and randomness are an ``OSError``; asking ``datetime`` for the present, or making a
  generator without a seed, ends the program (a lost call). The functions of ``time`` read a clock that starts at zero
  and goes on by a millisecond with each reading.
* Recursion within C code (``repr`` of lists nested a hundred thousand times) may end the program where the other raises
  ``RecursionError``; recursion of Python functions raises it in both.
* A request for more than two gigabytes at once is an ``OverflowError`` here, a ``MemoryError`` there.
* Peak memory is not reported (0); memory is limited all the same.
"""
