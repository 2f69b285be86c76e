# `make help` lists the targets. Those that run the package create .venv first if it does not exist.
PYTHON ?= python3
PROMPT ?= a red circle moving left
OUTPUT ?= clip.mp4
PY := .venv/bin/python
READY := .venv/ready
JOBS ?= 2

.PHONY: help lab test test-notebooks video notebooks figures lint train evaluate timing mutants lessons tuning benchmark \
    handout grade equations alterations readonly versions rehearse address count clean site slides site-serve
help:
	@echo "For learners"
	@echo "  make lab          open the course in JupyterLab"
	@echo "  make video        generate a clip, or replace it: PROMPT=\"a blue square growing\" OUTPUT=clip.mp4"
	@echo "For changes"
	@echo "  make test         run tests and notebooks (T2V_LONG=1: the long tests, too); make test-notebooks: the notebooks alone"
	@echo "  make lint         check style, formatting and which module imports which"
	@echo "  make count        count the lines of the package, the tools and the tests"
	@echo "  make clean        delete .venv and build folders"
	@echo "What the repository stores"
	@echo "  make notebooks    run the notebooks and store their outputs; one of them: NOTEBOOKS=notebooks/00_first_video.ipynb"
	@echo "  make figures      draw assets/figures; one of them: FIGURES=pipeline"
	@echo "  make equations    write docs/equations.md"
	@echo "  make train        train the scale model, or resume (on a GPU); make evaluate: measure how well it follows prompts;"
	@echo "                    both for the scale model of Wan (training takes over two hours on a CPU): MODEL=tiny-wan"
	@echo "  make lessons      make the stored results of notebooks 06, 08 and 11 again, and store them (four hours)"
	@echo "  make tuning       search for notebook 05's settings again (five minutes) and store them"
	@echo "For a class"
	@echo "  make handout      write the notebooks without their solutions to handout/; replace changed ones: HANDOUT=--overwrite"
	@echo "  make grade        run a folder of students' notebooks and write their points: FOLDER=students OUTPUT=grades.csv"
	@echo "  make address      write the course's address into badges and set-up cells: REPOSITORY=https://github.com/NAME/REPO"
	@echo "  make slides       make slides of the notebooks in build/slides (needs Node.js); of one alone: SLIDES=00_first_video.ipynb"
	@echo "  make site         build the course as a web site with a playground, in build/site (needs Node.js)"
	@echo "  make site-serve   show it at http://localhost:8000"
	@echo "Measurements"
	@echo "  make timing       measure what a learner waits for"
	@echo "  make benchmark    measure speed and memory of a model; options: BENCHMARK=--help"
	@echo "Would the tests notice, and does it run elsewhere? (minutes to hours)"
	@echo "  make mutants      plant mistakes in the package and run its tests; in one module: MUTANTS=gan"
	@echo "  make alterations  alter every numbered equation in the notebooks and run them"
	@echo "  make readonly     run the notebooks from a write-protected copy"
	@echo "  make rehearse     run notebooks 09 and 11 as with a GPU, but on the CPU: ModelScope, and Wan with a shorter text encoder"
	@echo "  make versions     run core tests with older and newer packages; one row: VERSIONS=\"-s row -- torch=2.14.1\""

$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c "import sys" 2>/dev/null || { echo "$(PYTHON) was not found; install Python 3.11 to 3.13, or say where it is: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" || { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), expected Python 3.11 to 3.13; say which: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || { echo "$(PYTHON) has no venv module; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements.txt -e ".[test]"
	@touch $(READY)

lab: $(READY)
	@.venv/bin/jupyter trust notebooks/*.ipynb >/dev/null  # so that stored clips play before anything is run
	.venv/bin/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_FLAGS) notebooks/00_first_video.ipynb

# Memory that is freed is kept by the process: asking the system for it again at each step costs time.
KEEP := MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000

# As many workers as cores, of one thread each: with more threads they would mostly wait for one another. Each takes
# whole files, in the order of conftest.py.
PYTEST := $(KEEP) $(PY) -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout 300 --nbval-kernel-startup-timeout 300 --nbval-sanitize-with tests/nbval_sanitize.cfg
test test-notebooks: export OMP_NUM_THREADS ?= 1

test: $(READY)
	$(PYTEST) $(NBVAL) --doctest-modules tests t2v_helpers tools notebooks

test-notebooks: $(READY)
	$(PYTEST) $(NBVAL) notebooks

video: $(READY)
	@$(PY) -m t2v_helpers "$(PROMPT)" --output "$(OUTPUT)" --overwrite

notebooks: $(READY)
	HF_HUB_OFFLINE=1 $(PY) -m nbconvert --config tools/notebooks/store.py --inplace $(or $(NOTEBOOKS),notebooks/*.ipynb)

figures: $(READY)
	$(PY) -m tools.pictures.draw $(FIGURES)

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	@$(dir $(PY))lint-imports --no-cache --no-logo

LINES = printf "%-30s %6d\n" "$(1)" $$(find $(2) -name "*.py" | xargs cat | wc -l)
count:
	@$(call LINES,t2v_helpers,t2v_helpers)
	@$(call LINES,  of these for reading,t2v_helpers -maxdepth 1)
	@$(call LINES,tools,tools)
	@$(call LINES,tests,tests)

MODEL ?= tiny
SCALE_MODEL = $(if $(filter tiny-wan,$(MODEL)),assets/tiny-wan,assets/tiny-t2v)
# On a CPU two processes of one thread each are faster than one of two.
ON_CPU = OMP_NUM_THREADS=1 ACCELERATE_USE_CPU=true .venv/bin/torchrun --nproc-per-node $(JOBS)
train: $(READY)
	$(KEEP) $(if $(shell command -v nvidia-smi),$(PY),$(ON_CPU)) -m t2v_helpers.training --model $(MODEL) \
	    --output $(SCALE_MODEL)

evaluate: $(READY)
	$(PY) -m t2v_helpers.evaluate $(MODEL) --scenes $(if $(filter tiny-wan,$(MODEL)),90,64) --json $(SCALE_MODEL)/evaluation.json

mutants: $(READY)
	$(PY) -m tools.checks.mutants $(MUTANTS)

timing: $(READY)
	$(PY) -m tools.checks.timing

lessons: $(READY)
	mkdir -p runs
	for budget in medium full; do HF_HUB_OFFLINE=1 $(PY) -m papermill notebooks/08_train_text_to_video.ipynb \
	    runs/lessons.ipynb -p BUDGET $$budget -p FOLDER runs/lessons/$$budget || exit 1; done
	cp runs/lessons/full/*.json runs/lessons/medium/medium_clips.npz assets/lessons/
	HF_HUB_OFFLINE=1 $(PY) -m papermill notebooks/06_text_meets_video.ipynb runs/guidance.ipynb -p GUIDANCE full
	HF_HUB_OFFLINE=1 $(PY) -m papermill notebooks/11_inside_a_video_transformer.ipynb runs/unet_or_transformer.ipynb \
	    -p COMPARE full -p WORK runs/unet_or_transformer

tuning: $(READY)
	mkdir -p runs
	$(PY) -m papermill notebooks/05_gan_vs_diffusion.ipynb runs/gan_against_diffusion.ipynb -p TUNE full

benchmark: $(READY)
	$(PY) -m t2v_helpers.benchmark $(BENCHMARK)

.venv/site: $(READY)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[site]"
	@touch .venv/site

site: .venv/site
	$(PY) -m tools.site.build build/site

slides: .venv/site
	$(PY) -m tools.notebooks.slides build/slides $(SLIDES)

site-serve: site
	$(PY) -m http.server --directory build/site --bind 127.0.0.1 8000

handout: $(READY)
	$(PY) -m tools.notebooks.handout $(HANDOUT)

address: $(READY)
	@$(PY) -m tools.notebooks.address $(REPOSITORY)

grade: $(READY)
	@$(PY) -m tools.notebooks.grade $(if $(FOLDER),"$(FOLDER)") $(if $(filter command%,$(origin OUTPUT)),--output "$(OUTPUT)") $(GRADE)

equations: $(READY)
	$(PY) -m tools.notebooks.equations

alterations: $(READY)
	$(PY) -m tools.checks.alterations $(NOTEBOOKS)

readonly: $(READY)
	$(PY) -m tools.checks.readonly $(NOTEBOOKS)

rehearse: $(READY)
	$(PY) -m tools.checks.rehearse

versions: $(READY)
	$(PY) -m nox -f tools/checks/versions.py $(VERSIONS)

clean:
	rm -rf .venv build *.egg-info
