"""What turns Deployments and DaemonSets into pods and Services into endpoints: `Controllers`.

A kube-controller-manager can take their place; `Autoscaling` is what stays to do then.
"""

from tidegate.sandbox.controllers.manager import Autoscaling, Controllers

__all__ = ["Autoscaling", "Controllers"]
