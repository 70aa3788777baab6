"""What turns Deployments and DaemonSets into pods and Services into endpoints: `Controllers`.

A kube-controller-manager can take their place; `Autoscaling` is what stays to do then.
`Keda` is for clusters that serve its kind.
"""

from tidegate.sandbox.controllers.manager import Autoscaling, Controllers, Keda

__all__ = ["Autoscaling", "Controllers", "Keda"]
