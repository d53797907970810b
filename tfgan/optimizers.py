"""Adam with one operator per variable."""

from collections.abc import Mapping

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan")
class Adam(keras.optimizers.Adam):
    """keras.optimizers.Adam, computed by TensorFlow's own operator.

    m <- beta_1 m + (1 - beta_1) g;  v <- beta_2 v + (1 - beta_2) g^2
    w <- w - lr sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    With `coupled_decay` c, g is g + c w before anything else: the L2 penalty of PyTorch's Adam,
    which is not the decoupled `weight_decay` of Keras.

    t is the number of updates so far, or with `counts_each` of those that the variable itself has
    had, as in PyTorch. They differ where a variable joins late: its v begins at 0, and without the
    correction for that its first steps are 1 / sqrt(1 - beta_2) times too long.

    Keras writes this as 38 small operators for each variable, which are half of what has to be
    built before the first step of a GAN. For float32 variables and dense gradients.

    Reference:
        Kingma and Ba 2014, arXiv:1412.6980, algorithm 1 in the form of the end of section 2.
    """

    def __init__(self, *args, coupled_decay: float = 0.0, counts_each: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        self.coupled_decay = coupled_decay
        self.counts_each = counts_each
        self._counts: list[keras.Variable] = []

    def build(self, var_list):
        if self.built:
            return
        super().build(var_list)
        if self.counts_each:
            names = [f"{variable.path.replace('/', '_')}_count" for variable in var_list]
            dtype = self.iterations.dtype
            self._counts = [self.add_variable((), dtype=dtype, name=name) for name in names]

    def update_step(self, gradient, variable, learning_rate):
        if self.coupled_decay:
            gradient = gradient + self.coupled_decay * variable
        index = self._get_variable_index(variable)
        updates = self._counts[index] if self.counts_each else self.iterations
        step = tf.cast(updates + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )
        if self.counts_each:
            self._counts[index].value.assign_add(1)

    def reset(self):
        """Forgets all moments and steps; the learning rate stays."""
        for variable in (
            self.iterations,
            *self._momentums,
            *self._velocities,
            *self._counts,
        ):
            variable.assign(tf.zeros(variable.shape, variable.dtype))

    def get_config(self):
        return {
            **super().get_config(),
            "coupled_decay": self.coupled_decay,
            "counts_each": self.counts_each,
        }


def initial_rates(optimizers: Mapping[str, keras.optimizers.Optimizer]) -> dict[str, float]:
    """Learning rates of optimizers that have just been made, by name."""
    return {name: float(one.learning_rate.numpy()) for name, one in optimizers.items()}
