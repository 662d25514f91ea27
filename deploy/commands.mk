# From a built image to production and back.

##@ Put into production

.PHONY: champion
champion: setup ## Fetch the champion: CHAMPION=docker://user/name:champion, a folder, production, or none
	@champion="$${CHAMPION:-}"; history="$${HISTORY:-$(BUILD)/history}"; \
	case "$$champion" in production|"$$history"/*) $(if $(wildcard publishing),$(MAKE) fetch-history,:);; esac; \
	if [ "$$champion" = production ]; then champion="$$($(RUN) -m deploy production print --history "$$history")"; fi; \
	$(RUN) -m deploy champion --champion "$$champion" --history "$$history" --build $(BUILD)

.PHONY: promote
promote: setup ## Make the challenger the champion on this laptop, if every stage passed for it
	@$(RUN) -m deploy promote $(STAGE)

.PHONY: deploy
deploy: setup ## Put IMAGE=name@sha256:… into production on DOCKER_HOST, or DEPLOY_TARGET=kubernetes, without losing a request
	@$(RUN) -m deploy rollout deploy --image "$${IMAGE:-}" $(STAGE)

.PHONY: rollback
rollback: setup ## Roll back to the previous release, or to IMAGE=name@sha256:…, without the registry
	@$(RUN) -m deploy rollout rollback --image "$${IMAGE:-}" $(STAGE)

.PHONY: releases
releases: setup #. List what ran in production, when, why, with its figures
	@$(RUN) -m deploy rollout releases

.PHONY: rehearse
rehearse: setup #. Play the deploy of build/image on the engine at hand: champion to new image and back, under load
	@$(RUN) -m deploy rehearse $(STAGE)

.PHONY: push
push: setup #. Push the built image to REPOSITORY=user/name; prints its digest
	@$(RUN) -m deploy push --repository "$${REPOSITORY:-}" $(STAGE)

.PHONY: publish-image
publish-image: setup #. Pass the built image on: to the registry that PUSH_TO=user/name names, or as a file
	@$(RUN) -m deploy publish-image $(STAGE)

.PHONY: fetch-image
fetch-image: setup #. Fetch the image that an earlier job built
	@$(RUN) -m deploy fetch-image --build $(BUILD)

.PHONY: release
release: setup #. Deploy to DEPLOY_HOST=ssh://user@host; without a host, rehearse the same rollout here
	@$(RUN) -m deploy release $(STAGE)

.PHONY: rollback-release
rollback-release: setup #. Roll DEPLOY_HOST back to IMAGE=name@sha256:…; without a host, only the champion moves
	@$(RUN) -m deploy release --back-to "$${IMAGE:-}" $(STAGE)

.PHONY: move-champion
move-champion: setup #. After a deploy, make this run's model the champion, in the registry too
	@$(RUN) -m deploy move-champion $(STAGE)

.PHONY: record-champion
record-champion: setup #. Put what this run deployed into HISTORY, for the next run to compare with
	@$(RUN) -m deploy production record --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: kubernetes-rules
kubernetes-rules: setup #. Write Compose's alert rules as a PrometheusRule, into deploy/kubernetes/operator
	@$(RUN) -m deploy kubernetes-rules
