"""What tests start with and leave behind."""

import gc

import keras
import tensorflow as tf

from tests.conftest import let_go_of_graphs
from tests.training.runs import mirrored


def test_graphs_of_updates_are_freed_after_a_file_of_tests():
    with mirrored(1).scope():
        weights = tf.Variable([1.0, 2.0])
        optimizer = keras.optimizers.SGD(0.1)
        optimizer.build([weights])

    @tf.function(autograph=False)
    def update_of_this_test():
        mirrored(1).run(lambda: optimizer.apply([tf.ones([2])], [weights]))

    update_of_this_test()
    del update_of_this_test
    let_go_of_graphs()
    graphs = [graph for graph in gc.get_objects() if isinstance(graph, tf.Graph)]
    assert "update_of_this_test" not in [getattr(graph, "name", "") for graph in graphs]
