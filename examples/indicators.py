# %% [markdown]
# # Women and men in the migration indicators
#
# Figures of a running hub in pandas, polars and sdmx1; docs/notebook.md says how to run
# it. The cells are in percent format: Jupyter (with Jupytext), VS Code and PyCharm open
# the file as a notebook, Python runs it as it is.

# %%
"""Women first: shares, gaps, what is not shown, what was revised, what is genuine."""

import os
from urllib.parse import urlencode

import pandas as pd
import polars as pl
import sdmx

from hub.client import Subscription, latest
from hub.core import gender
from hub.core.sdmx.times import iso
from hub.edge.files import read_catalogue
from hub.edge.settings import from_environment

GATEWAY = os.environ["KERWEN_GATEWAY"]  # e.g. http://127.0.0.1:8080
MEMBER = os.environ.get("KERWEN_MEMBER", "iom")

# %% [markdown]
# ## What there is
# sdmx1 as it comes. The name of the source is free; the address is all it needs.

# %%
sdmx.add_source(
    {
        "id": "KERWEN",
        "name": "Kerwen",
        "url": f"{GATEWAY}/sdmx/2.1",
        "data_content_type": "XML",
    },
    override=True,
)
client = sdmx.Client("KERWEN")
flows = sdmx.to_pandas(client.dataflow().dataflow)
print(f"{len(flows)} tables; those on residence permits:")
print(flows[flows.index.str.startswith("PRM_")].to_string())

# %% [markdown]
# ## The share of women
# First residence permits by reason, of all citizenships. `OBS_STATUS` says what an
# empty figure means: `Q` is suppressed, because it would speak of too few persons, and
# `O` is missing, because a ministry has not declared the period. **Neither is a zero**,
# so neither is filled in, and there is a share only where both sexes are shown.

# %%
message = client.data("PRM_NEW", key={"SEX": ["F", "M"], "CITIZENSHIP_G": "_T"})
permits = sdmx.to_pandas(message, attributes="o").reset_index()
reasons = client.dataflow("PRM_NEW").structure["PRM_NEW"].dimensions.get("REASON")
names = {code.id: str(code.name) for code in reasons.local_representation.enumerated}

places = ["REASON", "TIME_PERIOD"]
values = permits.pivot(index=places, columns="SEX", values="value")
states = permits.pivot(index=places, columns="SEX", values="OBS_STATUS").astype(str)
women = pd.DataFrame(
    {
        "women": values["F"],
        "men": values["M"],
        "share of women, %": (100 * values["F"] / (values["F"] + values["M"])).round(1),
        "not shown": (states == "Q").any(axis=1),
    }
)
print(women.rename(index=names).to_string(na_rep="–"))
print(f"{int((states == 'Q').to_numpy().sum())} figures are suppressed")

# %% [markdown]
# ## The gender pay gap
# Polars reads the CSV from its address. What women's mean wage lacks of men's is the
# table `LAB_GPG`; here it is computed again from `LAB_WAGE`, so that both can be seen.


# %%
def table(name: str, key: str = "all", **parameters: str) -> pl.DataFrame:
    """A table, or a part of it; null is a figure that is suppressed or missing."""
    query = urlencode({"format": "csv", **parameters})
    return pl.read_csv(
        f"{GATEWAY}/sdmx/2.1/data/{name}/{key}?{query}",
        schema_overrides={"OBS_VALUE": pl.Float64, "TIME_PERIOD": pl.String},
    )


wages = table("LAB_WAGE").pivot(
    on="SEX", index=["SKILL_G", "DIRECTION", "TIME_PERIOD"], values="OBS_VALUE"
)
gap = wages.select(
    *("SKILL_G", "DIRECTION", "TIME_PERIOD"),
    pl.col("F").alias("women, USD"),
    pl.col("M").alias("men, USD"),
    (100 * (pl.col("M") - pl.col("F")) / pl.col("M")).round(1).alias("gap, %"),
)
with pl.Config(tbl_rows=-1, tbl_hide_dataframe_shape=True):
    print(gap.drop_nulls("gap, %"))
print(f"{gap['gap, %'].null_count()} of {gap.height} gaps cannot be told")

# %% [markdown]
# ## What is genuine
# Immigrants by citizenship and age, from Kafka, as a member. The subscription gives a
# release out only if the hub's signature, the count and the digest of its manifest
# hold; otherwise it raises. So reading *is* the check. What HTTP said is then held
# against it, figure by figure.

# %%
settings = from_environment()  # KERWEN_HOME: certificate and registry of the member
catalogue = read_catalogue(settings.catalogue)
with Subscription(settings, MEMBER, ["FLW_IMM"], catalogue=catalogue) as subscription:
    releases = [one for one in subscription if one.observations]
signed = latest(figure for one in releases for figure in one.observations)

for one in releases:
    print(
        f"{one.manifest.table} {one.manifest.period} {one.manifest.vintage}: "
        f"{len(one.observations)} figures, signed by {one.manifest.key_id}"
    )
place = ["FREQ", "REF_AREA", "SEX", "CITIZENSHIP_G", "AGE_B", "TIME_PERIOD"]
now = table("FLW_IMM")
over_http = {tuple(row[:-1]): row[-1] for row in now.select(*place, "OBS_VALUE").rows()}
from_kafka = {(*one.series.split("."), one.period): one.value for one in signed}
assert over_http == from_kafka
print(f"{len(signed)} figures over HTTP are those that the hub signed")

# %% [markdown]
# ## How sure a share is
# Figures are protected by noise, and how much is published: each share has a least and
# a greatest value that it can have in truth. Compare shares by these, not by decimals.
# There is none where women or men are fewer than thirty.

# %%
ages = catalogue.codelists["CL_AGE_B"].codes
noise = gender.reach(catalogue.policies[catalogue.tables["FLW_IMM"].policy])
derived = gender.derived(signed, noise=noise)
shares = [one for one in derived if one.measure == "FEM_SHARE"]
for share in shares:
    citizenship, age = share.of.dimensions
    if citizenship == "_T":
        name = ages[age].en if age in ages else age
        print(f"{name}: {share.value} % women ({share.low} to {share.high})")
print(f"{len(shares)} shares can be told")

# %% [markdown]
# ## What was revised
# `asOf` gives the table as it was at any moment; here just after its first release. A
# figure that appeared, went or changed is one line; where there was one release alone,
# there is none.

# %%
first = iso(min(one.published_ms for one in releases))
then = table("FLW_IMM", asOf=first)
both = then.join(now, on=place, how="full", coalesce=True, suffix="_NOW")
changed = both.filter(~pl.col("OBS_VALUE").eq_missing(pl.col("OBS_VALUE_NOW")))
print(f"as of {first}: {then.height} figures, {changed.height} differ now")
print(changed.select(*place[2:], "OBS_VALUE", "OBS_VALUE_NOW", "VINTAGE_NOW").head())
