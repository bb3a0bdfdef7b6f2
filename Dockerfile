# Millwright in an environment of its own: one image for migrations and for workers of every role.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/millwright
ENV PATH=/opt/millwright/bin:$PATH
COPY requirements.lock /src/
RUN pip install --require-hashes --no-deps -r /src/requirements.lock
COPY . /src
RUN pip install --no-deps --no-build-isolation --no-index /src && pip check

FROM python:3.11.14-slim-bookworm
RUN apt-get update -qq \
    && apt-get install -qq -y --no-install-recommends bubblewrap \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/millwright /opt/millwright
# A user without privileges: inside a container bubblewrap then works in user namespaces, with no capability at all.
RUN useradd --uid 10001 --create-home millwright
USER millwright
WORKDIR /home/millwright
ENV PATH=/opt/millwright/bin:$PATH PYTHONUNBUFFERED=1
ENTRYPOINT ["millwright"]
CMD ["--help"]
