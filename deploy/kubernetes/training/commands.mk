# The image of the cluster here, and a stage that runs in it on this machine.

.PHONY: training-image
training-image: setup #. Build TRAINING_IMAGE=name:tag, a cluster's scheduler and workers for training (docs/scale.md)
	@docker buildx build --load --tag "$${TRAINING_IMAGE:?is not set}" $${BUILD_OPTIONS:-} \
	    --build-arg PYTHON_IMAGE="$${PYTHON_IMAGE:-$$(sed -n 's/^FROM \(.*\) AS pinned$$/\1/p' Dockerfile)}" \
	    --build-arg REQUIREMENTS="service train cluster $(BOOSTERS)" \
	    --build-arg COMMIT="$$($(RUN) -c 'from training.fitting.revision import commit; print(commit())')" \
	    --file deploy/kubernetes/training/Dockerfile .

.PHONY: train-in-image
train-in-image: #. Train on TRAINING_CLUSTER=tcp://… with the Python and the libraries of TRAINING_IMAGE
	@docker run --rm --network host --user "$$(id -u):$$(id -g)" --read-only --tmpfs /tmp:mode=1777 \
	    --cap-drop ALL --security-opt no-new-privileges --env TRAINING_CLUSTER \
	    --volume "$(abspath $(CONFIG)):/checkout/pipeline.toml:ro" --volume "$(abspath $(BUILD)):/build" \
	    "$${TRAINING_IMAGE:?is not set}" python -m training train --build /build
