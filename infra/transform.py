"""Writes the template as CloudFormation sees it once SAM's transform has run: roles, permissions, event sources.

    python3 infra/transform.py [template.yaml [FILE]]

It needs the SAM CLI's own modules (infra/tools.sh installs them) and no AWS account. Intrinsic functions are left for
CloudFormation, or for whoever reads the file.
"""

import json
import logging
import os
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


class Session:
    """All that the translator asks of a session: the region, by which it finds the partition."""

    region_name = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")


def transform(text):
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # What `sam package` would have put there; the translator takes no folders.
            resource["Properties"]["CodeUri"] = "s3://code/function.zip"
    parameters = {
        name: parameter["Default"] for name, parameter in template["Parameters"].items() if "Default" in parameter
    }
    parameters["AWS::Region"] = Session.region_name
    translator = Translator(get_bundled_managed_policy_map("aws"), Parser(), boto_session=Session())
    return translator.translate(sam_template=template, parameter_values=parameters)


def main(source="template.yaml", target="target/transformed.json"):
    logging.basicConfig(level=logging.WARNING)
    with open(source, encoding="utf-8") as file:
        text = file.read()
    transformed = transform(text)
    # By which a reader knows that this is the template of today.
    transformed.setdefault("Metadata", {})["Source"] = text
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(transformed, file, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
