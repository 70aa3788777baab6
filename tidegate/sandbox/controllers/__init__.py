"""What turns Deployments into pods and Services into endpoints: `Controllers`.

A kube-controller-manager can take their place.
"""

from tidegate.sandbox.controllers.manager import Controllers

__all__ = ["Controllers"]
