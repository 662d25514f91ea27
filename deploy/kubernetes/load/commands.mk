# The image of the Jobs here.

.PHONY: load-image
load-image: setup #. Build LOAD_IMAGE=name:tag, which runs the load test of this build folder in a cluster (docs/scale.md)
	@run=$$(mktemp -d); trap 'rm -rf "$$run"' EXIT; mkdir -p "$$run/build/data" "$$run/build/train"; \
	cp $(CONFIG) "$$run/pipeline.toml"; cp -r $(BUILD)/train/model "$$run/build/train"; \
	cp $(BUILD)/data/{data.json,replay.parquet,requests.parquet} "$$run/build/data"; \
	[ ! -d $(BUILD)/champion ] || cp -rL $(BUILD)/champion "$$run/build"; \
	docker buildx build --load --build-context "run=$$run" --tag "$${LOAD_IMAGE:?is not set}" $${BUILD_OPTIONS:-} \
	    --build-arg PYTHON_IMAGE="$${PYTHON_IMAGE:-$$(sed -n 's/^FROM \(.*\) AS pinned$$/\1/p' Dockerfile)}" \
	    --file deploy/kubernetes/load/Dockerfile .
