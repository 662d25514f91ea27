# The week of docs/learn: graded exercises, and the teacher's rubric.

##@ Learn

.PHONY: exercise
exercise: setup ## Grade exercise N=0 to 4 of docs/learn; `make hint N=1` helps, `make exercises` shows how far you are; IN=es
	@$(RUN) -m exercises.graders exercise "$(N)" --build $(BUILD) --language "$(or $(IN),en)"

.PHONY: hint
hint: setup #. The next hint for exercise N=0 to 4, or N=project; IN=es in Spanish
	@$(RUN) -m exercises.graders hint "$(N)" --build $(BUILD) --language "$(or $(IN),en)"

.PHONY: exercises
exercises: setup #. Show your progress
	@$(RUN) -m exercises.graders progress --build $(BUILD)

.PHONY: project
project: setup ## Grade the project, as far as a machine can
	@$(RUN) -m exercises.graders project --build $(BUILD) --language "$(or $(IN),en)"

.PHONY: rubric
rubric: setup #. Grade a student's files, STUDENT=path: 100 points with the evidence
	@$(RUN) -m exercises.graders rubric "$${STUDENT:-}" --build $(BUILD)

.PHONY: lessons
lessons: setup #. Write the drawings of docs/learn and the rubric's rows from the code
	@$(RUN) -m exercises.lessons

.PHONY: exercise-test
exercise-test: setup #. Test the graders: each planted mistake is caught by its check, and by no other
	@OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n $$(getconf _NPROCESSORS_ONLN) -rs tests/exercises
